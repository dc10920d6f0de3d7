"""When functions are compiled: a notice before the first compilation, and the time that compilation takes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from numba.core import event

PACKAGE: Final = "edge_llm_gym"
COMPILE: Final = "numba:compile"
"""Kind of the events around each compilation, which a function in the cache does not cause."""
COMPILE_OR_LOAD: Final = "numba:compiler_lock"
"""Kind of the events around each compilation and around loading from the cache."""
NOTICE: Final = (
    "compiling kernels, once per installation: up to a minute for an environment and its experts "
    "(edge-llm-gym warmup compiles all of them beforehand) ..."
)


class _FirstCompilation(event.Listener):  # type: ignore[misc]
    """Calls `say` before the first function of this package is compiled."""

    def __init__(self, say: Callable[[], None]) -> None:
        self._say: Callable[[], None] | None = say

    def on_start(self, event: Any) -> None:
        """Called by numba when a function is about to be compiled."""
        if self._say is not None and event.data["dispatcher"].py_func.__module__.startswith(f"{PACKAGE}."):
            say, self._say = self._say, None
            say()

    def on_end(self, event: Any) -> None:
        """Called by numba when a function has been compiled."""


@contextmanager
def announcing(say: Callable[[str], None]) -> Iterator[None]:
    """In this block `say` is called with one line when a function of the package has to be compiled for the first time.

    It is not called where all functions are in the cache.
    """
    with event.install_listener(COMPILE, _FirstCompilation(lambda: say(NOTICE))):
        yield


class _CompileTime(event.Listener):  # type: ignore[misc]
    """Wall time in s of the outermost events so far."""

    def __init__(self) -> None:
        self.spent_s, self._begin_s, self._depth = 0.0, 0.0, 0

    def on_start(self, event: Any) -> None:
        """Called by numba before it compiles or loads."""
        if self._depth == 0:
            self._begin_s = time.perf_counter()
        self._depth += 1

    def on_end(self, event: Any) -> None:
        """Called by numba afterwards."""
        self._depth -= 1
        if self._depth == 0:
            self.spent_s += time.perf_counter() - self._begin_s


@contextmanager
def compile_timer() -> Iterator[Callable[[], float]]:
    """Yields a function that returns the wall time in s that was spent in this block so far on compiling functions and
    loading them from the cache, those of other packages included."""
    listener = _CompileTime()
    with event.install_listener(COMPILE_OR_LOAD, listener):
        yield lambda: listener.spent_s


class _Count(event.Listener):  # type: ignore[misc]
    """Number of functions of this package that were compiled for Python so far."""

    def __init__(self) -> None:
        self.count, self._depth = 0, 0

    def on_start(self, event: Any) -> None:
        """Called by numba when a function is about to be compiled."""
        self.count += self._depth == 0
        self._depth += 1

    def on_end(self, event: Any) -> None:
        """Called by numba when a function has been compiled."""
        self._depth -= 1


@contextmanager
def compile_count() -> Iterator[Callable[[], int]]:
    """Yields a function that returns how many functions were compiled in this block so far.

    Those that another compiled function calls belong to it and do not count.
    """
    listener = _Count()
    with event.install_listener(COMPILE, listener):
        yield lambda: listener.count
