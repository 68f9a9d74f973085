"""Coverage-guided fuzzing of the result codec with atheris; run by hand, for as long as you give it:

    pip install atheris
    python tests/fuzz/fuzz_codec.py -max_total_time=300 [CORPUS_FOLDER]

Whatever bytes are decoded, nothing but CannotDecodeError leaves `decode`; what is accepted is encoded to the very
bytes again and has a JSON form; and no module is imported for what the bytes say. Findings belong into
`tests/unit/results` as bytes.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["peernet.results", "cbor2"]):
    from peernet.errors import CannotDecodeError
    from peernet.results import decode, encode, further, text

from seeds import SEEDS

_MAX_BYTES = 4096
_SETTLED: set[str] = set()


def test_one_input(data: bytes) -> None:
    """Decode once, and check what came of it."""
    if not _SETTLED:
        _SETTLED.update(sys.modules)
    try:
        value = decode(data, max_bytes=_MAX_BYTES)
    except CannotDecodeError:
        return
    finally:
        _refuse_imports()
    again = encode(value)
    if again != data:
        raise AssertionError(f"{data.hex()} was accepted as {value!r:.200}, which is {again.hex()}")
    json.loads(text.to_json(value))


def _refuse_imports() -> None:
    new = sys.modules.keys() - _SETTLED
    if new:
        raise AssertionError(f"decoding has imported {sorted(new)}")


def main() -> None:
    """Begin with one encoding of each kind."""
    for seed in SEEDS:
        text.to_json(decode(encode(seed)))  # numpy and the time zones load here, once
    assert further.READERS
    folder = Path(tempfile.mkdtemp(prefix="peernet-codec-seeds-"))
    for number, seed in enumerate(SEEDS):
        (folder / f"{number:03}").write_bytes(encode(seed))
    atheris.Setup([*sys.argv, str(folder), f"-max_len={_MAX_BYTES}"], test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
