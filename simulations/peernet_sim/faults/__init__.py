"""All that can go wrong: rules of the network, happenings in the lives of peers, and hostile peers."""
