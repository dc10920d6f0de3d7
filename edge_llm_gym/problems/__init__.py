"""Scheduling problems as plain arrays, with their feasibility checks and objectives."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge_llm_gym.problems.assignment import AssignmentProblem
    from edge_llm_gym.problems.batch import BatchProblem
    from edge_llm_gym.problems.routing import EarlyExit, RoutingProblem

__all__ = ["AssignmentProblem", "BatchProblem", "EarlyExit", "RoutingProblem"]

_MODULES = {
    "AssignmentProblem": "assignment",
    "BatchProblem": "batch",
    "EarlyExit": "routing",
    "RoutingProblem": "routing",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
