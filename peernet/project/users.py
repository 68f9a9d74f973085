"""Calling what the user wrote, in the job host: whatever it raises becomes an error of peernet's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peernet.errors import ProjectError, TaskError
from peernet.project.trace import describe, user_traceback


def call_users(
    what: str, call: Callable[..., Any], *args: Any, error: type[TaskError | ProjectError] = TaskError
) -> Any:
    """Return what the call returns. what: how to name it. Ctrl-C passes as it is.

    Raises:
        TaskError: it raised, or whatever `error` is instead; with the user's traceback.
    """
    try:
        return call(*args)
    except KeyboardInterrupt:
        raise
    except BaseException as raised:  # noqa: BLE001 - user code may raise anything
        raise error(f"{what} raised {describe(raised)}", user_traceback(raised)) from None
