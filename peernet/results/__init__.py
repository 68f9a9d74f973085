"""The codec of results: canonical bytes of plain data, and their JSON form for people and other programs.

The JSON form loads on first use (PEP 562): boxes don't need it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peernet.results.codec import digest_of, encode, short_repr
from peernet.results.decoder import decode

if TYPE_CHECKING:
    from peernet.results.text import to_json, write_json, write_json_list

__all__ = ["decode", "digest_of", "encode", "short_repr", "to_json", "write_json", "write_json_list"]


def __getattr__(name: str) -> object:
    """Load a name of the JSON form."""
    if name not in __all__:
        raise AttributeError(f"module 'peernet.results' has no attribute {name!r}")
    from peernet.results import text

    return getattr(text, name)
