"""How long plans hold: the memory of experts that make a plan every few epochs."""

from typing import Any, NamedTuple

from edge_llm_gym.experts.planners import Plan, Planner, RoutingReader
from edge_llm_gym.experts.policy import Observation
from edge_llm_gym.numeric import whole_number


class PlanMemory(NamedTuple):
    """Memory of one row between epochs."""

    estimate: Any
    plan: Plan | None
    age: int  # epochs since the plan was made


class PlanSchedule:
    """Keeps a plan for `replan_every` epochs, then makes a new one. Raises ValueError unless these are 1 or more."""

    def __init__(self, reader: RoutingReader[Any], planner: Planner, replan_every: int = 1) -> None:
        self._reader, self._planner = reader, planner
        self._every = whole_number("replan_every", replan_every, least=1)

    def advance(self, memory: PlanMemory, estimate: Any, observation: Observation) -> tuple[Plan, int]:
        """The plan of the epoch of an observation of one row, and the plan's age."""
        if memory.plan is not None and memory.age + 1 < self._every:
            return memory.plan, memory.age + 1
        return self._planner(self._reader, estimate, observation, memory.plan), 0
