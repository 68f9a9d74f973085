"""The Julia set of c = -0.7 + 0.27015i, 500 by 500 points, 255 iterations: a picture that grows while rows arrive.

    python examples/julia.py --out julia.png
    peernet submit examples/julia.py -o julia

A call computes a row and returns a byte a point: how many iterations it took to leave the circle of radius 2, at
most 255. `peernet submit` writes the rows; run with Python, the file draws them.
"""

from __future__ import annotations

import argparse
import math
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import peernet

WIDTH = HEIGHT = 500
C_REAL, C_IMAGINARY = -0.7, 0.27015
ITERATIONS = 255


@peernet.parallel(over=range(HEIGHT), slice_size=10, name="julia")
def row(y: int) -> bytes:
    """Return the iterations of the points of one row. The picture shows -1.5 to 1.5 by -1 to 1."""
    return bytes(iterations(3.0 * (x - WIDTH / 2) / WIDTH, 2.0 * (y - HEIGHT / 2) / HEIGHT) for x in range(WIDTH))


def iterations(real: float, imaginary: float) -> int:
    count = 0
    while count < ITERATIONS and real * real + imaginary * imaginary < 4.0:
        real, imaginary = real * real - imaginary * imaginary + C_REAL, 2.0 * real * imaginary + C_IMAGINARY
        count += 1
    return count


def palette() -> bytes:
    """Return 256 colours: night blue through violet to white, and black for points that never leave."""
    colours = bytearray()
    for count in range(ITERATIONS):
        level = math.sqrt(count / ITERATIONS)
        colours += bytes(
            (
                round(255 * min(1.0, 1.8 * level)),
                round(255 * min(1.0, 1.4 * level**1.6)),
                round(255 * min(1.0, 0.25 + 0.9 * math.sin(math.pi * level) ** 2 * (1 - level) + level**3)),
            )
        )
    return bytes(colours) + bytes(3)


def png(rows: list[bytes]) -> bytes:
    """Return the picture as a PNG file with a palette (ISO 15948). Rows that are not there yet are black."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = rows + [bytes([ITERATIONS]) * WIDTH] * (HEIGHT - len(rows))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 3, 0, 0, 0))
        + chunk(b"PLTE", palette())
        + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + line for line in lines), 6))
        + chunk(b"IEND", b"")
    )


def draw(arriving: Iterator[bytes], out: Path) -> list[bytes]:
    """Write the picture again and again while rows arrive. A viewer never sees half a file."""
    rows: list[bytes] = []
    drawn = 0.0
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_name(f".{out.name}.part")
    for line in arriving:
        rows.append(line)
        if len(rows) == HEIGHT or time.monotonic() - drawn > 0.2:
            unfinished.write_bytes(png(rows))
            unfinished.replace(out)
            drawn = time.monotonic()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw a Julia set on the peers of the group.")
    parser.add_argument("--out", type=Path, default=Path("julia.png"), help="where the picture goes")
    out = parser.parse_args().out
    with row.submit() as job:
        rows = draw(iter(job.results()), out)
    print(f"julia: {out}, {sum(map(sum, rows))} iterations, checksum {zlib.crc32(b''.join(rows)):08x}")


if __name__ == "__main__":
    main()
