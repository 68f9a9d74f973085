"""Who there is and how far apart they are."""
