"""Numbers, UUIDs and paths: values that are a few scalars under a tag."""

from __future__ import annotations

import decimal
import fractions
import math
import pathlib
import uuid

from peernet.config.project import MAX_DECIMAL_EXPONENT, MAX_FRACTION_BITS
from peernet.results import tags
from peernet.results.codec import Encoder, Refusal
from peernet.results.reader import Decoder

_CONTEXT = decimal.Context(capitals=1, traps=[decimal.InvalidOperation])
"""Of its own, as the caller's says whether exponents are written with a small letter. Nothing is rounded to it."""

_FLAVOURS: dict[type[pathlib.PurePath], str] = {
    pathlib.PurePosixPath: "posix",
    pathlib.PureWindowsPath: "windows",
}
_PURE = {flavour: kind for kind, flavour in _FLAVOURS.items()}


def write_complex(encoder: Encoder, value: complex, depth: int) -> None:
    encoder.put_parts(tags.COMPLEX, [value.real, value.imag])


def read_complex(decoder: Decoder, depth: int) -> complex:
    return complex(*decoder.read_parts(float, float))


def write_decimal(encoder: Encoder, value: decimal.Decimal, depth: int) -> None:
    """Digits and exponent are kept as they are. All quiet NaNs are one; a signalling one is refused."""
    if value.is_snan():
        raise Refusal("a signalling NaN of decimal.Decimal is not plain data; return Decimal('NaN')")
    _check_exponent(value)
    encoder.put_parts(tags.DECIMAL, ["NaN" if value.is_nan() else _CONTEXT.to_sci_string(value)])


def read_decimal(decoder: Decoder, depth: int) -> decimal.Decimal:
    (text,) = decoder.read_parts(str)
    try:
        value = decimal.Decimal(text, _CONTEXT)
        _check_exponent(value)
    except (decimal.InvalidOperation, Refusal) as error:
        decoder.refuse(str(error) if isinstance(error, Refusal) else "a text that is no decimal number")
    if value.is_snan() or (value.is_nan() and text != "NaN") or _CONTEXT.to_sci_string(value) != text:
        decoder.refuse("a decimal number that is not written as it should be")
    return value


def _check_exponent(value: decimal.Decimal) -> None:
    exponent = value.adjusted() if value.is_finite() else 0
    if abs(exponent) > MAX_DECIMAL_EXPONENT:
        raise Refusal(
            f"a decimal.Decimal of the order of 1E{exponent:+} is beyond 1E±{MAX_DECIMAL_EXPONENT}; "
            "return it as a str"
        )


def write_fraction(encoder: Encoder, value: fractions.Fraction, depth: int) -> None:
    parts = [value.numerator, value.denominator]
    if max(part.bit_length() for part in parts) > MAX_FRACTION_BITS:
        raise Refusal(
            f"a fractions.Fraction whose parts have more than {MAX_FRACTION_BITS} bits is not plain data; "
            "return the two integers"
        )
    if [type(part) for part in parts] != [int, int]:
        raise Refusal("a fractions.Fraction whose parts are no plain integers; return Fraction(int(…), int(…))")
    encoder.put_parts(tags.FRACTION, parts)


def read_fraction(decoder: Decoder, depth: int) -> fractions.Fraction:
    numerator, denominator = decoder.read_parts(int, int)
    if max(numerator.bit_length(), denominator.bit_length()) > MAX_FRACTION_BITS:
        decoder.refuse(f"a part of a fraction has more than {MAX_FRACTION_BITS} bits")
    if denominator < 1 or math.gcd(numerator, denominator) != 1:
        decoder.refuse("a fraction that is not in lowest terms")
    return fractions.Fraction(numerator, denominator)


def write_uuid(encoder: Encoder, value: uuid.UUID, depth: int) -> None:
    encoder.put_parts(tags.UUID, [value.bytes])


def read_uuid(decoder: Decoder, depth: int) -> uuid.UUID:
    (raw,) = decoder.read_parts(bytes)
    if len(raw) != 16:
        decoder.refuse(f"a UUID of {len(raw)} bytes")
    return uuid.UUID(bytes=raw)


def write_path(encoder: Encoder, value: pathlib.PurePath, depth: int) -> None:
    """A path of the machine is one of the other machine's kind where it is decoded; pure ones keep their kind."""
    flavour = _FLAVOURS.get(type(value), "")
    encoder.put_parts(tags.PATH, [flavour, str(value) if flavour else value.as_posix()])


def read_path(decoder: Decoder, depth: int) -> pathlib.PurePath:
    flavour, text = decoder.read_parts(str, str)
    if flavour and flavour not in _PURE:
        decoder.refuse(f"{flavour!r:.40} is no kind of path")
    path = _PURE[flavour](text) if flavour else pathlib.Path(text)
    if (str(path) if flavour else path.as_posix()) != text:
        decoder.refuse("a path that is not written as this machine writes it")
    return path
