"""Runs commands: errors of the user are printed in one line, without a traceback, and end with status 2."""

import sys
from collections.abc import Callable
from typing import Final

from edge_llm_gym.compiled.events import announcing
from edge_llm_gym.messages import file_error

USER_ERROR: Final = 2
"""Exit status after an error of the user."""


def run_cli(action: Callable[[], int | None]) -> int:
    """Runs an action and returns its exit status (None is 0), or `USER_ERROR` after one of the errors of users.

    One line says so if kernels have to be compiled first.
    """
    try:
        with announcing(lambda text: print(text, file=sys.stderr, flush=True)):
            return action() or 0
    except OSError as error:
        return _failed(file_error(error))
    except (ValueError, TypeError, NotImplementedError, ImportError) as error:
        return _failed(str(error))


def _failed(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return USER_ERROR
