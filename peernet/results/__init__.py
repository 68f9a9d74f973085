"""The codec of results: canonical bytes of plain data, and their JSON form for people and other programs."""

from __future__ import annotations

from peernet.results.codec import digest_of, encode, short_repr
from peernet.results.decoder import decode
from peernet.results.text import to_json, write_json, write_json_list

__all__ = ["decode", "digest_of", "encode", "short_repr", "to_json", "write_json", "write_json_list"]
