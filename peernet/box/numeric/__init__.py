"""Measures the numeric class of the machine (`project.numeric`): in processes of their own, never in the peer."""
