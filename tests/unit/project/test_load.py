"""Loading bundles as a box does: from source, from pickles, and what can go wrong with the user's code."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peernet.errors import CannotTravelError, ProjectError
from peernet.project import Bundle, bundle_project, collect, parallel

HEAD = "import peernet, sys\n"


def declared(name: str, body: str = "n") -> str:
    return f"@peernet.parallel(over=range(3))\ndef {name}(n): return {body}\n"


def test_a_project_is_loaded_with_its_neighbours_and_arguments(workshop: Any) -> None:
    path = workshop.write(
        **{"my-main": HEAD + "from helper import twice\nassert __name__ == 'my-main'\nSEEN = list(sys.argv)\n"},
        helper="def twice(n): return 2 * n",
    )
    path.write_text(path.read_text() + declared("f", "[twice(n), SEEN]"))
    bundle = collect(path, None, ["--fast", "3"])
    function = workshop.function(bundle)
    assert function.call(4) == [8, ["my-main.py", "--fast", "3"]]
    assert not function.whole_slice
    assert workshop.project(bundle).over == range(3)


def test_the_neighbour_wins_over_a_module_that_is_loaded_already(workshop: Any) -> None:
    import queue

    path = workshop.write(main=HEAD + "import queue\n" + declared("f", "queue.WHO"), queue="WHO = 'neighbour'")
    assert workshop.function(collect(path, None, [])).call(0) == "neighbour"
    assert hasattr(queue, "Queue")


def test_a_project_file_may_be_called_like_a_part_of_the_interpreter(workshop: Any) -> None:
    import os

    path = workshop.write(os=HEAD + "import os\n" + declared("f", "os.sep"))
    assert workshop.function(collect(path, None, [])).call(0) == os.sep
    assert sys.modules["os"] is os


@pytest.mark.parametrize(
    ("source", "name", "words"),
    [
        ("x = 1", None, "main.py has no project: put @peernet.parallel"),
        (HEAD + declared("b") + declared("a"), None, "several projects: name one as main.py:NAME, of a, b"),
        (HEAD + declared("a") + declared("b"), "c", "no project named 'c': it has a, b"),
        ("x = 1", "c", "no project named 'c': it has none"),
        (HEAD + declared("a"), "sys", "no project named 'sys'"),
    ],
)
def test_a_project_that_can_not_be_found_is_told(workshop: Any, source: str, name: str | None, words: str) -> None:
    bundle = collect(workshop.write(main=source), name, [])
    with pytest.raises(ProjectError) as refused:
        workshop.project(bundle)
    assert words in str(refused.value)


def test_two_names_of_one_project_are_one_project(workshop: Any) -> None:
    path = workshop.write(main=HEAD + declared("a") + "b = a\n")
    assert workshop.project(collect(path, None, [])).name == "a"
    assert workshop.project(collect(path, "b", [])).name == "a"


def test_imported_projects_count_when_named_or_alone(workshop: Any) -> None:
    workshop.write(other=HEAD + declared("far"))
    both = workshop.write(main=HEAD + "from other import far\n" + declared("near"))
    assert workshop.project(collect(both, None, [])).name == "near"
    assert workshop.project(collect(both, "far", [])).name == "far"
    alone = workshop.write(alone="from other import far\n")
    assert workshop.project(collect(alone, None, [])).name == "far"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import not_installed_anywhere", "ModuleNotFoundError: No module named 'not_installed_anywhere'"),
        ("sys.exit(3)", "SystemExit: 3"),
        ("raise ValueError('wrong')", "ValueError: wrong"),
    ],
)
def test_code_that_raises_on_import_is_told_with_the_users_frames(workshop: Any, line: str, words: str) -> None:
    path = workshop.write(main="import helper\n", helper=HEAD + f"def start():\n    {line}\nstart()\n")
    with pytest.raises(ProjectError) as refused:
        workshop.project(collect(path, None, []))
    assert words in str(refused.value) and "main.py can't be imported" in str(refused.value)
    text = refused.value.traceback
    assert 'File "main.py", line 1, in <module>' in text and 'File "helper.py", line 3, in start' in text
    assert line in text and "importlib" not in text and "peernet/project" not in text
    assert str(workshop.folder.parent) not in text


def test_source_of_a_package_keeps_its_relative_imports(workshop: Any) -> None:
    workshop.write(
        lib__in____init__="",
        lib__in__deep__in____init__="",
        lib__in__deep__in__work=HEAD
        + "from ..base import BASE\nimport beside\n"
        + declared("f", "BASE + beside.X"),
        lib__in__base="BASE = 10",
        beside="X = 5",
        unused="",
    )
    sys.path.insert(0, str(workshop.folder))
    import lib.deep.work as work  # type: ignore[import-not-found]

    host, worker = bundle_project(work.f)
    assert host == worker and host.entry == "lib/deep/work.py" and host.name == "f"
    assert [path for path, _ in host.files] == [
        "beside.py",
        "lib/__init__.py",
        "lib/base.py",
        "lib/deep/__init__.py",
        "lib/deep/work.py",
    ]
    for name in [name for name in sys.modules if name.split(".")[0] in ("lib", "beside")]:
        del sys.modules[name]
    assert workshop.function(worker).call(1) == 15


def test_a_nested_function_travels_by_value_without_its_inputs(workshop: Any) -> None:
    factor = 7
    secret = ["a secret input"]

    @parallel(over=secret, reduce=lambda a, b: a + b, whole_slice=True)
    def scale(batch: list[str]) -> list[str]:
        return [text * factor for text in batch] + ([] if batch else scale([]))

    host, worker = bundle_project(scale)
    assert (host.kind, worker.kind) == ("pickle", "pickle")
    assert host.python == f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert b"a secret input" in host.pickled and b"a secret input" not in worker.pickled
    function = workshop.function(worker)
    assert function.whole_slice and function.call(["x"]) == ["x" * 7]
    project = workshop.project(host)
    assert project.over == secret and project.options == scale.options
    assert project.reduce is not None and project.reduce(1, 2) == 3


def test_a_pickle_of_another_minor_version_is_refused(workshop: Any) -> None:
    worker = Bundle("pickle", "", "", (), (), "3.2", (), b"never loaded")
    with pytest.raises(ProjectError, match=r"made interactively with Python 3\.2, but this is Python 3\."):
        workshop.function(worker)
    with pytest.raises(ProjectError, match=r"Python 3\.2"):
        workshop.project(worker)


def test_a_pickle_that_can_not_be_loaded_is_told(workshop: Any) -> None:
    running = f"{sys.version_info[0]}.{sys.version_info[1]}"
    with pytest.raises(ProjectError, match=r"can't be loaded: .*UnpicklingError"):
        workshop.function(Bundle("pickle", "", "", (), (), running, (), b"garbage"))
    with pytest.raises(ProjectError, match="holds no function"):
        workshop.function(Bundle("pickle", "", "", (), (), running, (), b"N."))
    with pytest.raises(ProjectError, match="holds no project"):
        workshop.project(Bundle("pickle", "", "", (), (), running, (), b"N."))


def test_what_can_not_be_pickled_is_named() -> None:
    lock = threading.Lock()

    @parallel(over=[1])
    def guarded(n: int) -> int:
        with lock:
            return n

    with pytest.raises(CannotTravelError, match=r"the variable 'lock' \(_thread\.lock\) of project 'guarded'"):
        bundle_project(guarded)

    def plain(n: int) -> int:
        return n

    with pytest.raises(CannotTravelError, match=r"over, the input, \(builtins\.list\) of project 'plain'"):
        bundle_project(parallel(over=[lock])(plain))


SCRIPT = """
import sys
import peernet
from peernet.project import bundle_project
import helper

if __name__ == "__main__":
    @peernet.parallel(over=[1, 2])
    def guarded(n):
        return helper.twice(n)

@peernet.parallel(over=range(int(sys.argv[1])))
def plain(n):
    return n

host, worker = bundle_project(plain)
print(host.kind, host.name, host.entry, host == worker, *host.argv, *[path for path, _ in host.files])
if __name__ == "__main__":
    host, worker = bundle_project(guarded)
    print(host.kind, *[path for path, _ in worker.files])
    from pathlib import Path
    Path(sys.argv[2]).write_bytes(worker.encode())
"""


def test_scripts_bundle_their_own_projects(workshop: Any, run_script: Callable[..., str], tmp_path: Path) -> None:
    path = workshop.write(main=SCRIPT, helper="def twice(n): return 2 * n")
    target = tmp_path / "worker"
    lines = run_script(path, "5", str(target)).splitlines()
    assert lines[0] == f"source plain main.py True 5 {target} helper.py main.py"
    assert lines[1] == "pickle helper.py"  # under the guard there is no source to import
    assert workshop.function(Bundle.decode(target.read_bytes())).call(21) == 42


def test_a_wrong_declaration_is_told_in_our_own_words(workshop: Any) -> None:
    path = workshop.write(main=HEAD + "@peernet.parallel(over=[1], slice_size=0)\ndef f(x): return x\n")
    with pytest.raises(ProjectError, match=r"^main\.py: slice_size=0: it must be") as refused:
        workshop.project(collect(path, None, []))
    assert 'File "main.py", line' in refused.value.traceback
