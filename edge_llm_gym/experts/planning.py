"""How long plans hold: the memory of experts that make a plan every few epochs."""

from typing import Any, NamedTuple

from edge_llm_gym.experts.planners import Plan, Planner, RoutingReader
from edge_llm_gym.experts.policy import Observation


class PlanMemory(NamedTuple):
    """Memory of one row between epochs."""

    estimate: Any
    plan: Plan | None
    age: int  # epochs since the plan was made


class PlanSchedule:
    """Keeps a plan for `replan_every` epochs, then makes a new one. Raises ValueError for less than one epoch."""

    def __init__(self, reader: RoutingReader[Any], planner: Planner, replan_every: int = 1) -> None:
        if replan_every < 1:
            raise ValueError(f"replan_every must be at least 1 epoch, got {replan_every!r}")
        self._reader, self._planner, self._every = reader, planner, replan_every

    def advance(self, memory: PlanMemory, estimate: Any, observation: Observation) -> tuple[Plan, int]:
        """The plan of the epoch of an observation of one row, and the plan's age."""
        if memory.plan is not None and memory.age + 1 < self._every:
            return memory.plan, memory.age + 1
        return self._planner(self._reader, estimate, observation, memory.plan), 0
