"""Walks one `env.step` through the modules of the package: `python -m benchmarks.step_walk EdgeLLM/MultiNode-v0`.

The kernels run as plain Python, so that calls between them are seen.
"""

import os
import sys
from collections import Counter
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

os.environ["NUMBA_DISABLE_JIT"] = "1"

import gymnasium

import edge_llm_gym

PACKAGE = Path(edge_llm_gym.__file__).parent


class Entry(NamedTuple):
    """A call from one module of the package into another."""

    caller: str
    module: str
    function: str


class Walk:
    """Records the calls between modules; an instance is a profile function for `sys.setprofile`."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._modules: list[str] = []  # of the frames on the stack, "" outside the package

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        """Called by the interpreter at every call and return of a Python function."""
        if event == "return" and self._modules:
            self._modules.pop()
        elif event == "call":
            caller = next((module for module in reversed(self._modules) if module), "")
            module = _module_of(frame)
            if module and module != caller:
                self.entries.append(Entry(caller, module, frame.f_code.co_name))
            self._modules.append(module)

    def visits(self) -> list[tuple[Entry, list[str]]]:
        """Runs of calls from one module into another, with the functions called."""
        runs = groupby(self.entries, key=lambda entry: entry[:2])
        listed = [list(run) for _, run in runs]
        return [(run[0], list(dict.fromkeys(entry.function for entry in run))) for run in listed]


def _module_of(frame: FrameType) -> str:
    path = Path(frame.f_code.co_filename)
    return str(path.relative_to(PACKAGE).with_suffix("")) if path.is_relative_to(PACKAGE) else ""


def walk(environment: str, epochs: int = 3, seed: int = 0) -> Walk:
    """The walk of the last of `epochs` random steps."""
    env = gymnasium.make(environment).unwrapped
    env.reset(seed=seed)
    env.action_space.seed(seed)
    for _ in range(epochs - 1):
        env.step(env.action_space.sample())
    recorded, action = Walk(), env.action_space.sample()
    sys.setprofile(recorded)
    env.step(action)
    sys.setprofile(None)
    return recorded


def main() -> None:
    """Prints the visits in order, and their number for each module."""
    visits = walk(sys.argv[1] if len(sys.argv) > 1 else "EdgeLLM/MultiNode-v0").visits()
    for entry, functions in visits:
        print(f"{entry.caller or 'caller':28} -> {entry.module:28} {', '.join(functions)}")
    for module, count in Counter(entry.module for entry, _ in visits).most_common():
        print(f"{count:5} {module}")


if __name__ == "__main__":
    main()
