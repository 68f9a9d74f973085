"""A module of the project that one slice rewrites and the next one imports."""

WORD = "clean"
