"""The codec of results: canonical bytes of plain data, and their JSON form for people and other programs.

What boxes seldom need loads on first use (PEP 562).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peernet.results.codec import digest_of, encode, short_repr
from peernet.results.decoder import decode

if TYPE_CHECKING:
    from peernet.results.records import Member, Record
    from peernet.results.text import to_json, write_json, write_json_list

__all__ = [
    "Member",
    "Record",
    "decode",
    "digest_of",
    "encode",
    "short_repr",
    "to_json",
    "write_json",
    "write_json_list",
]


def __getattr__(name: str) -> object:
    """Load a name of the JSON form, or a record."""
    if name not in __all__:
        raise AttributeError(f"module 'peernet.results' has no attribute {name!r}")
    from peernet.results import records, text

    return getattr(records if name in ("Member", "Record") else text, name)
