"""The private CBOR tags of the codec: what CBOR can't tell apart of Python's types.

They are in a range without registered ones, and mean this only inside `peernet/results/1`.
"""

from __future__ import annotations

TUPLE = 0x7001
"""array: the items"""

SET = 0x7002
"""array: the members, sorted by their encodings"""

FROZENSET = 0x7003
"""array: the members, sorted by their encodings"""

COMPLEX = 0x7004
"""array: real part, imaginary part; both floats"""

DATE = 0x7005
"""array: year, month, day"""

TIME = 0x7006
"""array: hour, minute, second, microsecond, fold, zone"""

DATETIME = 0x7007
"""array: year, month, day, hour, minute, second, microsecond, fold, zone"""

TIMEDELTA = 0x7008
"""array: days, seconds, microseconds; normalised as Python does"""

DECIMAL = 0x7009
"""array: the text that the General Decimal Arithmetic Specification calls to-scientific-string"""

FRACTION = 0x700A
"""array: numerator, denominator; in lowest terms"""

UUID = 0x700B
"""array: 16 bytes"""

PATH = 0x700C
"""array: flavour ("" for a path of the machine, "posix" or "windows" for pure ones), text"""

ENUM = 0x700D
"""array: module, qualified name of the class, name of the member (for a flag: its value)"""

DATACLASS = 0x700E
"""array: module, qualified name of the class, map of fields"""

ARRAY = 0x700F
"""array: dtype, shape, bytes in C order, little-endian"""

NUMPY_SCALAR = 0x7010
"""array: dtype, bytes, little-endian"""
