"""The schedulers' problems as plain arrays: what is asked, what is feasible, what it is worth."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge_llm_gym.problems.assignment import AssignmentProblem
    from edge_llm_gym.problems.batch import BatchProblem
    from edge_llm_gym.problems.routing import EarlyExit, RoutingProblem

__all__ = ["AssignmentProblem", "BatchProblem", "EarlyExit", "RoutingProblem"]

_HOMES = {
    "AssignmentProblem": "assignment",
    "BatchProblem": "batch",
    "EarlyExit": "routing",
    "RoutingProblem": "routing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
