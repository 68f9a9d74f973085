"""The simulator of peernet."""
