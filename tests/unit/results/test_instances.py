"""Enums and dataclasses: those of the project return as they were, others as records; nothing is imported."""

from __future__ import annotations

import http
import importlib.util
import subprocess
import sys
import types
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

from peernet.config.project import MAX_RESULT_DEPTH
from peernet.errors import CannotDecodeError, CannotEncodeError
from peernet.results import Member, Record, decode, encode, tags, to_json
from peernet.results.classes import classes_of, is_own
from peernet.results.codec import head


def load_shapes(name: str = "shapes_of_a_project") -> Any:
    """The module as a project's, under a name of its own."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / "shapes.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


shapes = load_shapes()
MODULE = "shapes_of_a_project"


def instance(qualname: str, items: dict[Any, Any], module: str = MODULE) -> bytes:
    return head(6, tags.DATACLASS) + head(4, 3) + encode(module) + encode(qualname) + encode(items)


def member(qualname: str, name: Any, module: str = MODULE) -> bytes:
    return head(6, tags.ENUM) + encode([module, qualname, name])


@pytest.mark.parametrize(
    "value",
    [
        *(shapes.Colour.RED, shapes.Colour.CRIMSON, shapes.Level.HIGH, shapes.Word.A, shapes.Outer.Inner.ONE),
        *(shapes.Access.READ, shapes.Access(0), shapes.Access.READ | shapes.Access.RUN, shapes.Loose(5)),
        shapes.Point(1, [shapes.Point("a", None)]),
        shapes.Slotted("é", (1, shapes.Colour.GREEN)),
        shapes.Derived(1, 2, 3),
        shapes.Outer.Box(frozenset({shapes.Outer.Box(1)})),
    ],
    ids=repr,
)
def test_the_projects_own_return_as_they_were(value: Any) -> None:
    again = decode(encode([value, {"k": value}]))
    assert again == [value, {"k": value}] and type(again[0]) is type(value)  # type: ignore[index]
    assert encode(again) == encode([value, {"k": value}])


def test_enums_come_back_as_the_very_members_and_dataclasses_without_init() -> None:
    assert decode(encode(shapes.Colour.CRIMSON)) is shapes.Colour.RED
    value = shapes.Derived(1, 2, 3)
    assert value.z == 3 and value.norm == 3
    again: Any = decode(encode(value))
    assert again.z == 3 and "norm" not in vars(again) and again.norm == 3


def test_instances_may_be_keys() -> None:
    value = {shapes.Slotted("a", 1): 1, shapes.Colour.RED: 2, shapes.Level.LOW: 3}
    assert decode(encode(value)) == value
    assert encode(value) == encode(dict(reversed(value.items())))


@dataclass
class Unset:
    x: int


def unset() -> Unset:
    return object.__new__(Unset)


def with_more() -> Any:
    value = shapes.Point(1)
    value.more = 1
    return value


@pytest.mark.parametrize(
    ("make", "place", "words"),
    [
        (lambda: shapes.Plain(1), "[0]", "Plain is not plain data"),
        (lambda: shapes.Listed(), "[0]", "a dataclass that is also a builtin type"),
        (shapes.made_inside, "[0]", "defined inside a function; define it at the top"),
        (with_more, "[0]", "has an attribute 'more' that is no field"),
        (unset, "[0].x", "the field is not set"),
        (lambda: shapes.Point(1, {"k": object()}), "[0].y['k']", "builtins.object is not plain data"),
        (lambda: shapes.Loose(8), "[0]", "Loose with bits that no member names: 8"),
        (lambda: http.HTTPStatus.OK, "[0]", "http.HTTPStatus is not a class of the project.* return its .name"),
        (lambda: Record("a", "B", (("x", 1), ("x", 2))), "[0]", "one name twice"),
        (lambda: Record("a", "B", ((1, 1),)), "[0]", "no names"),  # type: ignore[arg-type]
        (lambda: Record("a", "B", (("\ud800", 1),)), "[0]", "lone surrogate"),
        (lambda: Record("a", "B C", ()), "[0]", "no proper name"),
        (lambda: Member("", "B", "x"), "[0]", "no proper name"),
        (lambda: Member("a", "B", -1), "[0]", "neither a str nor the value of a flag"),
    ],
)
def test_refusals_name_the_class_and_the_place(make: Any, place: str, words: str) -> None:
    with pytest.raises(CannotEncodeError, match=words) as refused:
        encode([make()])
    assert str(refused.value).startswith(f"result{place}: ")


def test_other_dataclasses_are_refused_unless_given() -> None:
    from peernet.config.box import BoxConfig

    with pytest.raises(CannotEncodeError, match=r"BoxConfig is not a class of the project.*dataclasses.asdict"):
        encode(BoxConfig())
    value = [BoxConfig(), http.HTTPStatus.OK]
    encoded = encode(value, classes=(BoxConfig, http.HTTPStatus))
    assert decode(encoded, classes=(BoxConfig, http.HTTPStatus)) == value
    first, second = decode(encoded)  # type: ignore[misc]
    assert isinstance(first, Record) and first["header"] == BoxConfig().header
    assert second == Member("http", "HTTPStatus", "OK")
    assert encode([first, second]) == encoded


def test_instances_may_be_refused_altogether() -> None:
    for value in (shapes.Point(1), shapes.Colour.RED):
        with pytest.raises(CannotEncodeError, match="is an enum or a dataclass, not plain data"):
            encode([value], classes=None)


def test_unknown_classes_come_back_as_readable_records() -> None:
    encoded = instance("Point", {"y": 2, "x": 1}, "gone.project")
    record = decode(encoded)
    assert record == Record("gone.project", "Point", (("x", 1), ("y", 2)))
    assert repr(record) == "<gone.project.Point(x=1, y=2)>" and {record: 1}[record] == 1
    assert encode(record) == encoded
    assert to_json(record) == '{"$dataclass": ["gone.project.Point", {"x": 1, "y": 2}]}'
    for name, text in (("RED", '"RED"'), (5, "5")):
        unknown = decode(member("Colour", name, "gone"))
        assert unknown == Member("gone", "Colour", name) and encode(unknown) == member("Colour", name, "gone")
        assert to_json(unknown) == f'{{"$enum": ["gone.Colour", {text}]}}'
    assert repr(Member("a", "B", "C")) == "<a.B.C>" and repr(Member("a", "B", 3)) == "<a.B(3)>"


def test_json_is_the_same_with_and_without_the_class() -> None:
    value = [shapes.Point(1, shapes.Colour.RED), shapes.Access.READ]
    text = to_json(value)
    encoded = encode(value)
    del sys.modules[MODULE]
    try:
        assert to_json(decode(encoded)) == text
    finally:
        sys.modules[MODULE] = shapes


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (instance("Point", {"x": 1}), r"other fields here \(only here: \['y'\]"),
        (instance("Point", {"x": 1, "y": 2, "z": 3}), r"only in the bytes: \['z'\].*same version"),
        (instance("Point", {"x": 1, 2: 2}), "a field has no name"),
        (instance("Colour", {"x": 1}), "is an enum here"),
        (member("Point", "RED"), "is a dataclass here"),
        (member("Colour", "CRIMSON"), "no member 'CRIMSON'"),
        (member("Colour", "mro"), "no member 'mro'"),
        (member("Colour", 1), "no member 1"),
        (member("Colour", 10**5000), "no member a large int"),
        (member("Access", "READ"), "no member 'READ'"),
        (member("Access", 8), "no member 8"),
        (member("Loose", 2**70), "no member"),
        (member("Access", -1), "neither a name nor"),
        (member("Access", True), "neither a name nor"),
        (instance("Point", {}, ""), "no name of a class"),
        (instance("a b", {}), "no name of a class"),
        (instance("f.<locals>.C", {}), "no name of a class"),
        (instance("x" * 501, {}), "no name of a class"),
        (instance("C", {}, "a\0b"), "no name of a class"),
        (head(6, tags.DATACLASS) + encode(["a", "B"]), "not three parts"),
        (head(6, tags.DATACLASS) + encode(["a", "B", 1]), "a map is missing"),
        (head(6, tags.DATACLASS) + encode([1, "B", {}]), "int where str belongs"),
        (
            head(5, 1) + instance("Touchy", {"x": 1}) + b"\0",
            "ZeroDivisionError was raised by a class of the project",
        ),
        (head(5, 1) + instance("Point", {"x": 1, "y": 1}) + b"\0", "a key is a Point, which can't be one"),
    ],
)
def test_hostile_bytes_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(CannotDecodeError, match=words):
        decode(data)


@pytest.mark.parametrize(
    ("module", "qualname"),
    [
        ("peernet.config.box", "BoxConfig"),
        ("dataclasses", "Field"),
        ("http", "HTTPStatus"),
        ("hypothesis.reporting", "Verbosity"),
        (MODULE, "enum.Enum"),
        (MODULE, "functools"),
        (MODULE, "Any"),
        (MODULE, "made_inside"),
        (MODULE, "Plain"),
        (MODULE, "Point.__class__"),
        ("sys.modules", "Point"),
    ],
)
def test_only_the_projects_own_classes_are_found(module: str, qualname: str) -> None:
    assert isinstance(decode(instance(qualname, {}, module)), Record)
    assert isinstance(decode(member(qualname, "OK", module)), Member)


def test_a_class_under_a_borrowed_name_is_not_found() -> None:
    borrowed = types.ModuleType("borrowed")
    borrowed.Point = shapes.Point  # type: ignore[attr-defined]
    sys.modules["borrowed"] = borrowed
    try:
        assert isinstance(decode(instance("Point", {"x": 1, "y": 2}, "borrowed")), Record)
    finally:
        del sys.modules["borrowed"]


def test_nothing_is_imported_for_a_name() -> None:
    for name in ("antigravity", "this", f"{MODULE}.more", "xml.dom.minidom"):
        assert name not in sys.modules
        decode(instance("Point", {}, name))
        assert name not in sys.modules


@pytest.mark.parametrize(
    ("module", "file", "own"),
    [
        ("somewhere", "usr/lib/python3/site-packages/somewhere.py", False),
        ("somewhere.inner", "usr/lib/python3/dist-packages/somewhere/inner/__init__.py", False),
        ("somewhere.inner", "built/somewhere/inner.py", False),
        ("somewhere", "built/somewhere/__init__.py", False),
        ("somewhere", "project/somewhere.py", True),
        ("somewhere.inner", "project/somewhere/inner.py", True),
        ("somewhere.inner", "inner.py", True),
        ("json.somewhere", "project/json/somewhere.py", False),
        ("peernet.somewhere", "project/peernet/somewhere.py", False),
    ],
)
def test_what_counts_as_own(tmp_path: Path, module: str, file: str, own: bool) -> None:
    (tmp_path / "built/somewhere-1.0.dist-info").mkdir(parents=True)
    loaded = types.ModuleType(module)
    loaded.__file__ = str(tmp_path / file)
    sys.modules[module] = loaded
    try:
        assert is_own(type("Kind", (), {"__module__": module})) is own
    finally:
        del sys.modules[module]


def test_classes_without_a_file_are_the_users() -> None:
    assert is_own(type("Kind", (), {"__module__": "made_by_hand"}))
    assert is_own(type("Kind", (), {"__module__": "__main__"}))
    assert is_own(shapes.Point) and not is_own(http.HTTPStatus)


def test_classes_that_functions_refer_to() -> None:
    inner = shapes.Slotted

    def closed() -> object:
        return inner

    found = classes_of(closed, shapes.made_inside, None, len)
    assert {shapes.Slotted, shapes.Point, shapes.Colour, Unset} <= set(found)
    assert shapes.Outer not in found and len(fields(shapes.Point)) == 2


def test_nesting_is_bounded_the_same_way_in_all_forms() -> None:
    value: Any = None
    for _ in range(MAX_RESULT_DEPTH):
        value = shapes.Point(value)
    assert decode(encode(value)) == value
    assert to_json(value).count("$dataclass") == MAX_RESULT_DEPTH
    with pytest.raises(CannotEncodeError, match="nested deeper"):
        encode(shapes.Point(value))
    with pytest.raises(CannotEncodeError, match="nested deeper"):
        to_json(shapes.Point(value))
    knot = shapes.Point(1)
    knot.y = knot
    with pytest.raises(CannotEncodeError, match="contains itself"):
        encode(knot)
    with pytest.raises(CannotEncodeError, match="contains itself"):
        to_json(knot)


PROGRAM = """
import enum, sys
from dataclasses import dataclass
sys.path.insert(0, {folder!r})

@dataclass
class Point:
    x: int

class Colour(enum.Enum):
    RED = 1

if __name__ == "__main__":
    from peernet.results import decode, encode
    import my_program
    here, there = encode([Point(1), Colour.RED]), encode([my_program.Point(1), my_program.Colour.RED])
    assert here == there
    assert decode(there) == [Point(1), Colour.RED]
    print(here.hex())
"""


def test_a_program_and_its_import_give_equal_bytes(tmp_path: Path) -> None:
    (tmp_path / "my_program.py").write_text(PROGRAM.format(folder=str(tmp_path)))
    seen = {
        subprocess.run([sys.executable, *how], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        for how in (["my_program.py"], ["-m", "my_program"])
    }
    assert len(seen) == 1
    record, colour = decode(bytes.fromhex(seen.pop()))  # type: ignore[misc]
    assert (record.module, colour.name) == ("my_program", "RED")
