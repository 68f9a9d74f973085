"""Members of enums and instances of dataclasses: the name of the class, and the name or the fields.

Instances are made without their `__init__` and `__post_init__`, as copy and pickle do: the fields are set, and no
code of the class runs.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import operator
from collections.abc import Callable
from typing import Any

from peernet.config.project import MAX_CLASS_NAME
from peernet.results import tags
from peernet.results.classes import ClassName, Resolver, has_fields, name_of
from peernet.results.codec import Encoder, Refusal, Writer, head, scalar_bytes, short_repr
from peernet.results.reader import Decoder
from peernet.results.records import Member, Record

_HEAP_TYPE = 1 << 9
"""Of a class made by a class statement (`Py_TPFLAGS_HEAPTYPE`); builtin ones hold state that is in no field."""

Fields = tuple[tuple[str, bytes], ...]
"""Names of fields with their encodings, in the order of those."""


def writer_of(kind: type) -> Writer:
    """Return what writes the members of an Enum, or the instances of a dataclass.

    Raises:
        Refusal: the class can't be told by its name, or holds more than its fields.
    """
    name = name_of(kind)
    why = _unfit(name)
    if why:
        raise Refusal(f"{name[0]}.{name[1]} {why}")
    if issubclass(kind, enum.Enum):
        return functools.partial(_write_enum, name)
    if any(not base.__flags__ & _HEAP_TYPE for base in kind.__mro__[:-1]):
        raise Refusal(f"{name[0]}.{name[1]} is a dataclass that is also a builtin type; return one or the other")
    fields = _sorted_fields(_names_of(kind))
    return functools.partial(_write_dataclass, name, fields)


def _unfit(name: ClassName) -> str:
    """Why a class can't be found again by such a name; empty if it can."""
    module, qualname = name
    if "<locals>" in qualname:
        return "is defined inside a function; define it at the top of a module"
    if max(len(module), len(qualname)) > MAX_CLASS_NAME:
        return f"has a name of more than {MAX_CLASS_NAME} characters"
    if not module.isprintable() or not module or not all(part.isidentifier() for part in qualname.split(".")):
        return "has a name that is no name of a class"
    return ""


def _write_enum(name: ClassName, encoder: Encoder, value: enum.Enum, depth: int) -> None:
    if isinstance(value, enum.Flag):
        bits: object = value._value_
        if type(bits) is not int or bits < 0 or bits & ~_mask(type(value)):
            raise Refusal(f"a {name[1]} with bits that no member names: {short_repr(bits)}")
        encoder.put_parts(tags.ENUM, [*name, bits])
        return
    member = value._name_
    if type(value).__members__.get(member) is not value:
        raise Refusal(f"a {name[1]} that is none of its members")
    encoder.put_parts(tags.ENUM, [*name, member])


def write_member(encoder: Encoder, value: Member, depth: int) -> None:
    _check_name((value.module, value.qualname))
    if type(value.name) is not str and (type(value.name) is not int or value.name < 0):
        raise Refusal("a Member whose name is neither a str nor the value of a flag")
    encoder.put_parts(tags.ENUM, [value.module, value.qualname, value.name])


def read_member(decoder: Decoder, depth: int) -> object:
    module, qualname, member = decoder.read_parts(str, str, object)
    kind = _find(decoder, (module, qualname))
    if type(member) is not str and (type(member) is not int or member < 0):
        decoder.refuse("the member of an enum is neither a name nor the value of a flag")
    if kind is None:
        return Member(module, qualname, member)
    found: object = None
    if not issubclass(kind, enum.Enum):
        decoder.refuse(f"{module}.{qualname} is a dataclass here, and an enum in the bytes")
    decoder.made_instances = True
    if issubclass(kind, enum.Flag):
        found = _flag(kind, member)
    elif type(member) is str:
        found = kind.__members__.get(member)
    if type(found) is not kind or (type(member) is str and found._name_ != member):
        shown = short_repr(member)
        decoder.refuse(f"{module}.{qualname} has no member {shown} here: is it the same version of the project?")
    return found


def _flag(kind: type[enum.Flag], bits: object) -> enum.Flag | None:
    """The flag of that value. Python keeps each combination for ever, so only those of named bits are made."""
    if type(bits) is not int or bits & ~_mask(kind):
        return None
    try:
        found = kind(bits)
    except ValueError:
        return None
    return found if type(found) is kind and found._value_ == bits else None


def _mask(kind: type[enum.Flag]) -> int:
    return functools.reduce(operator.or_, (int(member._value_) for member in kind.__members__.values()), 0)


def _write_dataclass(name: ClassName, fields: Fields, encoder: Encoder, value: Any, depth: int) -> None:
    _refuse_more(name, fields, value)
    _write_fields(encoder, name, fields, functools.partial(_field_of, value), depth)


def write_record(encoder: Encoder, value: Record, depth: int) -> None:
    _check_name((value.module, value.qualname))
    given = dict(value.fields)
    if any(type(field) is not str for field in given) or len(given) != len(value.fields):
        raise Refusal("a Record whose fields have no names, or one name twice")
    _write_fields(encoder, (value.module, value.qualname), _sorted_fields(given), given.__getitem__, depth)


def _check_name(name: ClassName) -> None:
    if type(name[0]) is not str or type(name[1]) is not str or _unfit(name):
        raise Refusal("a Record or Member whose class has no proper name")


def _names_of(kind: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(kind)]


def _sorted_fields(names: Any) -> Fields:
    try:
        return tuple(sorted(((name, scalar_bytes(name)) for name in names), key=lambda field: field[1]))
    except UnicodeEncodeError:
        raise Refusal("the name of a field has a lone surrogate in it") from None


def _write_fields(
    encoder: Encoder, name: ClassName, fields: Fields, value_of: Callable[[str], object], depth: int
) -> None:
    encoder.put(head(6, tags.DATACLASS) + head(4, 3))
    encoder.put(scalar_bytes(name[0]) + scalar_bytes(name[1]) + head(5, len(fields)))
    for field, encoded in fields:
        encoder.put(encoded)
        try:
            encoder.write(value_of(field), depth)
        except Refusal as refusal:
            refusal.path.append(f".{field}")
            raise


def _field_of(value: object, field: str) -> object:
    try:
        return object.__getattribute__(value, field)
    except AttributeError:
        raise Refusal("the field is not set") from None


def _refuse_more(name: ClassName, fields: Fields, value: object) -> None:
    """Refuse an instance that holds what is in no field: it would be lost. Cached properties may be."""
    known = {field for field, _ in fields}
    for attribute in getattr(value, "__dict__", ()):
        if attribute not in known and not isinstance(_of_class(type(value), attribute), functools.cached_property):
            raise Refusal(f"{name[0]}.{name[1]} has an attribute {attribute!r:.80} that is no field; make it one")


def _of_class(kind: type, attribute: str) -> object:
    return next((vars(base)[attribute] for base in kind.__mro__ if attribute in vars(base)), None)


def read_instance(decoder: Decoder, depth: int) -> object:
    if decoder.count() != 3:
        decoder.refuse("an instance is not three parts")
    module, qualname = decoder.read_part(str), decoder.read_part(str)
    kind = _find(decoder, (module, qualname))
    fields = decoder.read_mapping(depth)
    if any(type(name) is not str for name in fields):
        decoder.refuse("a field has no name")
    if kind is None:
        return Record(module, qualname, tuple(fields.items()))  # type: ignore[arg-type]
    if not has_fields(kind) or issubclass(kind, enum.Enum):
        decoder.refuse(f"{module}.{qualname} is an enum here, and a dataclass in the bytes")
    expected = set(_names_of(kind))
    if expected != fields.keys():
        here, there = sorted(expected - fields.keys()), sorted(map(str, fields.keys() - expected))
        decoder.refuse(
            f"{module}.{qualname} has other fields here (only here: {here}, only in the bytes: {there!r:.200}): "
            "is it the same version of the project?"
        )
    return _make(decoder, kind, fields)


def _make(decoder: Decoder, kind: type, fields: dict[Any, object]) -> object:
    decoder.made_instances = True
    try:
        made: object = object.__new__(kind)
        for name, value in fields.items():
            object.__setattr__(made, name, value)
    except (AttributeError, TypeError) as error:
        decoder.refuse(f"no {kind.__module__}.{kind.__qualname__} can be made of its fields: {error}")
    return made


def _find(decoder: Decoder, name: ClassName) -> type | None:
    if _unfit(name):
        decoder.refuse("a name that is no name of a class")
    if not isinstance(decoder.classes, Resolver):
        decoder.classes = Resolver(decoder.classes)
    return decoder.classes.find(name)
