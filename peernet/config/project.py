"""Bounds of projects and results: what a bundle, an input and a result may cost. Constants, as they run in boxes.

Every peer has to agree on them (what one encodes the other must be willing to decode), so they are not settings.
"""

from __future__ import annotations

MAX_RESULT_BYTES = 64 * 1024 * 1024
"""The encoded results of one slice. Above it a result should be a file, and slices should be smaller."""

MAX_RESULT_DEPTH = 100
"""Containers within containers. Far above real data, far below the interpreter's recursion limit of 1000 at
a few frames a level."""

DECODE_CPU_BASE = 1.0
"""Seconds of CPU that decoding may use whatever the size, so that a slow start never refuses an honest value."""

DECODE_CPU_PER_BYTE = 4e-6
"""Further seconds of CPU for each byte read so far. Honest data needs 0.01 to 1 microsecond a byte; only keys
chosen to collide in a hash table (quadratic time) come near this."""

MAX_INPUT_BYTES = 64 * 1024 * 1024
"""The encoded inputs of one slice: the same bound as for its results."""

MAX_NARROWED_CALLS = 256
"""Calls of a slice that are executed again by themselves. Where more differ, most do: the whole slice tells more.
Their numbers take a few KiB of a grant and of a signed result."""

MAX_BUNDLE_FILES = 1000
"""Source files in a bundle. More means that something else than a project was reached by an import."""

MAX_BUNDLE_BYTES = 16 * 1024 * 1024
"""Source, or pickle, in a bundle. It goes to every worker; data belongs in the inputs."""

MAX_BUNDLE_PATH = 240
"""Characters in the path of a bundled file, below the limits of common file systems (260 on Windows)."""

MAX_ARGUMENTS = 1000
"""Command-line arguments that travel in a bundle."""

MAX_SLICE_SIZE = 2**53
"""Calls in a slice: whole_slice over a huge range may ask for many, and JSON programs read integers up to here."""

LEAST_CONFIDENCE, MOST_CONFIDENCE = 0.5, 0.999999
"""What a job may ask for. Half is what a coin gives; beyond the other end no machine is sure of its own memory."""

MAX_REPLICAS = 64
"""Executions of one slice by distinct peers. More only burns the group's time."""

MAX_NAME_LENGTH = 200
"""Characters in the name of a job."""

MAX_TRACEBACK_CHARS = 16_000
"""Text of a traceback that travels: several hundred frames, yet small enough to be inlined in a message."""

MAX_FOLD_PARTIALS = 100_000
"""Partial values that a fold may hold. A gap in the order of arrival costs a few, and gaps are slices under way,
which the owner bounds well below this."""

MIN_MEMORY = 16 * 1024 * 1024
"""Memory that a project may ask for at the least: below it a slice could not even import a module or two."""

MAX_BYTES_ASKED = 2**50
"""Memory and scratch that a project may ask for at the most: more than any machine has, well within a message."""

MAX_SECONDS = 10.0**8
"""Seconds that a slice may run at the most: three years, a tenth of what clocks and fields of messages take."""

MAX_DECIMAL_EXPONENT = 1_000_000
"""The power of ten of a Decimal's first digit, either way. Ten bytes can say 1E+999999999, and the first
`int(value)` in a program that got it would take a gigabyte; this makes it half a megabyte at most. It is also
about where the default context of `decimal` overflows."""

MAX_FRACTION_BITS = 16 * 1024
"""Bits of each part of a Fraction: proving that it is in lowest terms takes quadratic time, here 0.1 ms."""

MAX_ARRAY_DIMENSIONS = 32
"""Dimensions of a numpy array: what numpy 1 takes, so that every peer does."""

MAX_EMPTY_ARRAY_BYTES = 2**31 - 1
"""What an array without elements would take if its empty dimensions were 1: numpy refuses larger ones where
pointers have 32 bits. Arrays with elements are bounded by their bytes."""

MAX_CLASS_NAME = 500
"""Characters in the module and in the qualified name of a class of the project, and in the name of a time zone."""

MIN_FLOAT_RUN = 64
"""Floats in a row from which taking them all at once, as bytes of an array, costs less than one by one."""

LARGE_BYTES = 64 * 1024
"""Bytes of one byte string from which it is not copied for the sake of encoding a list in one go."""
