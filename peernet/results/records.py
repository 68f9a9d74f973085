"""What comes back in place of values whose class is not known: in the command line, say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """An instance of a dataclass that this process does not have. `encode` gives the bytes of the instance again.

    module, qualname: of the class, where it was encoded. fields: names and values, sorted as they are encoded.
    """

    module: str
    qualname: str
    fields: tuple[tuple[str, object], ...]

    def __getitem__(self, name: str) -> object:
        """The value of a field. Raises KeyError."""
        return dict(self.fields)[name]

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.fields)
        return f"<{self.module}.{self.qualname}({fields})>"


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an Enum that this process does not have. `encode` gives the bytes of the member again.

    module, qualname: of the class. name: of the member; for a flag, which may have none, its value.
    """

    module: str
    qualname: str
    name: str | int

    def __repr__(self) -> str:
        shown = self.name if isinstance(self.name, str) else f"({self.name})"
        return f"<{self.module}.{self.qualname}{'.' if isinstance(self.name, str) else ''}{shown}>"
