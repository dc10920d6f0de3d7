"""The table of what can be killed. A target is built on use, since each needs other libraries."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from benchmarks.kills.target import Target


def _training(name: str) -> Callable[[], Target]:
    def build() -> Target:
        from benchmarks.kills.training import TARGETS as found

        return found[name]

    return build


def _evaluation(name: str) -> Callable[[], Target]:
    def build() -> Target:
        from benchmarks.kills.evaluation import TARGETS as found

        return found[name]

    return build


TARGETS: Final[Mapping[str, Callable[[], Target]]] = MappingProxyType(
    {name: _training(name) for name in ("train", "imitate", "search")}
    | {name: _evaluation(name) for name in ("compare", "sweep", "calibrate", "record")}
)
"""Name -> function that returns the target."""
