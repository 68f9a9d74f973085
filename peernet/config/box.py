"""Bounds and defaults of the boxes that run user code, and of the sandbox that drives them."""

from __future__ import annotations

from dataclasses import dataclass

from peernet.config.project import MAX_BUNDLE_BYTES, MAX_INPUT_BYTES, MAX_RESULT_BYTES

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class BoxConfig:
    """See each field. Sizes are bytes, times are seconds."""

    memory: int = 1024 * MIB
    """Memory that a slice may map on top of the interpreter. A common volunteer has 8 GiB and 8 slots."""

    seconds: float = 600.0
    """Wall-clock time of one slice. Slices aim at seconds; ten minutes leaves room for a slow machine."""

    scratch: int = 256 * MIB
    """Bytes that a slice's scratch folder may hold. Enough for intermediate data, little beside its memory."""

    result: int = MAX_RESULT_BYTES
    """Largest encoded result of a slice: the zygote holds one for each slot while it passes it on."""

    open_files: int = 256
    """Descriptors of a slice: far more than computing needs, far fewer than would exhaust the system's."""

    threads: int = 64
    """Threads of a slice. It has one slot, so more only wait; pools of libraries start one for each core."""

    input: int = MAX_INPUT_BYTES
    """Largest encoded input of a slice, for the same reason as `result`."""

    bundle: int = MAX_BUNDLE_BYTES + MIB
    """Largest encoded bundle: the code, and a MiB for paths and arguments."""

    header: int = 128 * 1024
    """Largest header of a frame. A failure's texts fill about half. Small, since a header is parsed at once."""

    error_text: int = 4 * 1024
    """An error's message, cut here: one line for people, and part of a header."""

    traceback_text: int = 16 * 1024
    """A remote traceback, cut in the middle: both ends tell most."""

    output_tail: int = 8 * 1024
    """The end of what a slice printed, shown with its failure. Earlier output is dropped as it comes."""

    line: int = 4 * 1024
    """A line that the job host prints is handed on in pieces of at most this size."""

    cuts_bytes: int = 8 * MIB
    """The job host stops cutting for one answer here, so that an answer never holds a whole job's input."""

    compared: int = 8
    """Distinct results of a slice that the job host compares at once; it holds them all. More of them are not
    a matter of the last digit, so those that come later are taken for different."""

    cuts_count: int = 1024
    """Slices in one answer of the job host: their numbers fit a header with room to spare."""

    replay_count: int = 1024
    """Slices replayed by one request, for the same reason."""

    start_seconds: float = 20.0
    """A box that has not opened by then has failed. A loaded machine takes a second or two."""

    close_seconds: float = 2.0
    """A box told to end is killed after this time. It needs milliseconds."""

    grace_seconds: float = 5.0
    """The zygote kills a slice at its deadline. If nothing is heard so long after it, the zygote itself hangs."""

    look_seconds: float = 0.25
    """How often running slices' scratch is looked at. Its bytes are bounded by their file system; what they can
    make of empty files in this time takes a few tens of MiB of the machine's memory."""

    chunk: int = 256 * 1024
    """Bytes read or written at once. Larger is not faster on a local socket."""

    slots: int = 256
    """Slices that may run in one box at once. More than the cores of any common machine."""

    warm: tuple[str, ...] = (
        *("bisect", "cmath", "collections", "dataclasses", "datetime", "functools", "hashlib", "heapq"),
        *("itertools", "json", "math", "operator", "random", "re", "statistics", "string", "time", "typing"),
    )
    """Modules of the standard library that every zygote imports, so that no slice pays for them: common, cheap,
    and without threads or open files."""

    preload: tuple[str, ...] = ("numpy",)
    """Packages that a zygote imports if the bundle uses them and they are installed. Their import must start no
    thread (the libraries below numpy are told to use one), or no child could be forked safely."""
