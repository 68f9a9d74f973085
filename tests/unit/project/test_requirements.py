"""Requirements: the block of a script, their normal form, and what a machine lacks of them."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peernet.config.environments import (
    MAX_BLOCK_CHARS,
    MAX_LISTED_CHARS,
    MAX_LISTED_PACKAGES,
    MAX_REQUIREMENT_CHARS,
    MAX_REQUIREMENTS,
)
from peernet.errors import ProjectError
from peernet.project import requirements
from peernet.project.pep508 import canonical_name
from peernet.project.requirements import Script, check, installed_packages, lacking, read_block


def script(text: str) -> str:
    """A source text with the given metadata from its third line on."""
    block = "".join(f"# {line}".rstrip() + "\n" for line in textwrap.dedent(text).strip().split("\n"))
    return f"import sys\n# /// script\n{block}# ///\nprint(1)\n"


def test_a_block_is_read() -> None:
    source = script("""
        requires-python = ">=3.11"
        dependencies = [
            "NumPy >= 1.26",

            "scipy; sys_platform == 'linux'",
        ]
        [tool.other]
        anything = 1
    """)
    wanted = Script(">=3.11", ("numpy>=1.26", 'scipy; sys_platform == "linux"'))
    assert read_block(source) == wanted
    assert read_block(source.replace("\n", "\r\n")) == wanted


@pytest.mark.parametrize(
    "source",
    [
        "",
        "# /// script\n",
        '# /// script\n# dependencies = ["a"]\n',
        '# /// script\n# dependencies = ["a"]\n\n# ///\n',
        '# /// other\n# dependencies = ["a"]\n# ///\n',
        '# /// script \n# dependencies = ["a"]\n# ///\n',
        '#/// script\n# dependencies = ["a"]\n# ///\n',
    ],
)
def test_what_is_no_block_asks_for_nothing(source: str) -> None:
    assert read_block(source) == Script("", ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('dependencies = [\n  "a",\n  "./b",\n]', "line 5: the requirement './b' can't be used: it is a path"),
        ('dependencies = "a"', "line 3: dependencies = 'a': it must be a list"),
        ('\ndependencies = ["a", 7]', "line 3: the requirement 7 must be a text"),
        ("a = 1\ndependencies = [}", "line 4: the `# /// script` block is not TOML"),
        ('\nrequires-python = "3.11 or so"', "line 3: requires-python = '3.11 or so': it is no range of versions"),
        ("requires-python = 3.11", "line 3: requires-python = 3.11: it must be a text"),
        (f'requires-python = ">={"1" * 300}"', "line 3: requires-python = .* more than 200 characters"),
        ("a = " + "[" * 5000, "line 3: the `# /// script` block is"),
        ("#" * (MAX_BLOCK_CHARS + 1), "line 3: the `# /// script` block has more than"),
        (f"dependencies = {[f'a{n}' for n in range(MAX_REQUIREMENTS + 1)]}", "line 3: there are more than 64"),
    ],
)
def test_a_wrong_block_is_told_by_its_line(text: str, message: str) -> None:
    with pytest.raises(ProjectError, match=f"^{message}"):
        read_block(script(text))


def test_a_second_block_is_told_by_its_line() -> None:
    with pytest.raises(ProjectError, match=r"^line 7: a second `# /// script` block"):
        read_block(script("a = 1") + script("a = 1"))


def test_requirements_have_one_normal_form() -> None:
    assert check(["B_b>=2,<3", "a.A ;  python_version>='3'", "b-b <3, >=2"]) == (
        'a-a; python_version >= "3"',
        "b-b<3,>=2",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a @ https://example.org/a.whl", "it names a URL; each peer takes packages from its own index"),
        ("https://example.org/a.whl", "it is a URL"),
        ("git+https://example.org/a", "it is a URL"),
        ("./a", "it is a path, and only this machine has it"),
        ("/srv/a", "it is a path"),
        ("~/a", "it is a path"),
        ("..\\a", "it is a path"),
        ("sub/a", "it is a path"),
        ("a-1.0-py3-none-any.whl", "it is the name of a file"),
        ("-e .", "it is an option of an installer"),
        ("--index-url=https://example.org", "it is an option of an installer"),
        ("-r other.txt", "it is an option of an installer"),
        ("a --hash=sha256:00", r"write it as in 'numpy>=1.26' \(PEP 508\)"),
        ("a==1\n--index-url=https://example.org", "can't be used"),
        ("a[extra]", "a peer can't say whether it has the extra extra; name the packages"),
        ("", "can't be used"),
        ("a; os_name == 'x\n--index-url=https://example.org\n'", "can't be used"),
        ("a; os_name == 'x --index-url=https:'", "it quotes what no marker is compared with"),
        ("a; os_name == '${HOME}'", "it quotes what no marker is compared with"),
        ("a; os_name == 'ä'", "it quotes what no marker is compared with"),
        ("a_", "'a_' is not the name of a package"),
        ("a>>1", r"\(PEP 508\)"),
        ("ä", r"\(PEP 508\)"),
        ("a" * (MAX_REQUIREMENT_CHARS + 1), "has 201 characters; it may have 200"),
        ("a;" + "os_name=='a' or " * 11 + "os_name=='a'", "when written out"),
        (7, "the requirement 7 must be a text"),
    ],
)
def test_what_is_no_requirement_is_refused_with_its_remedy(text: Any, message: str) -> None:
    with pytest.raises(ProjectError, match=message):
        check([text])


def test_requirements_are_bounded_together() -> None:
    with pytest.raises(ProjectError, match="more than 4096 characters together; name what is imported"):
        check([f"{'n' * 100}{number}" for number in range(50)])


def test_a_single_text_is_no_list() -> None:
    with pytest.raises(ProjectError, match=r"requirements='numpy': it must be a list of them, as in \['numpy'\]"):
        check("numpy")


@given(st.one_of(st.text(max_size=60), st.text("a1.,;=<>!~()[]'\"@ -and or_=pythversion", max_size=120)))
def test_any_text_is_refused_or_has_a_normal_form(text: str) -> None:
    try:
        normal = check([text])
    except ProjectError:
        return
    assert check(normal) == normal
    lacking(normal, {})


def test_what_is_lacking_depends_on_names_versions_and_markers() -> None:
    needed = check(["a", "b>=2", "c==1.*", "d; python_version < '3'", "e>=1", "f", "g>1"])
    installed = {"a": "1", "b": "1.9", "c": "1.7.post1", "e": "1.1rc1", "f": "mended", "g": "mended"}
    assert lacking(needed, installed) == ("b>=2", "g>1")
    assert lacking(needed, {}) == ("a", "b>=2", "c==1.*", "e>=1", "f", "g>1")


def test_what_is_installed_is_listed_as_the_interpreter_finds_it() -> None:
    listed = installed_packages()
    assert listed == tuple(sorted(listed))
    names = [text.partition("==")[0] for text in listed]
    assert {"peernet", "trio", "cbor2"} <= set(names)
    assert all(text == canonical_name(text) for text in names)
    assert lacking(["cbor2>=6"], dict(text.split("==") for text in listed)) == ()


def test_the_list_is_bounded_and_keeps_what_others_need() -> None:
    found = {f"p{n:04}": "1" for n in range(MAX_LISTED_PACKAGES + 10)} | {"zz": "1", "wrong": "1\n", "ö": "1"}
    listed = requirements._listed(found, {"zz": 3})
    assert len(listed) == MAX_LISTED_PACKAGES
    assert listed[-1] == "zz==1"
    long = {f"{'n' * 80}{n}": "1" for n in range(MAX_LISTED_PACKAGES)}
    assert sum(map(len, requirements._listed(long, {}))) <= MAX_LISTED_CHARS
