"""Experts of streaming dynamics: a routing problem from estimated rates, solved by DTO-EE or by a baseline."""

from typing import Final

import numpy as np

from edge_llm_gym.decoding.streaming import StreamingReader
from edge_llm_gym.experts.planners import Plan, Planner
from edge_llm_gym.experts.planning import PlanMemory, PlanSchedule
from edge_llm_gym.experts.policy import Action, Observation, RowPolicy

RANDOM_PLANNERS: Final = ("genetic",)
"""Names of the experts whose plans are drawn from one generator for all rows."""


class RoutingExpert(RowPolicy):
    """Estimates rates, difficulty mix and wait factors of each row, and follows plans that a planner makes from them.

    Args:
        name: name of the expert.
        reader: reader of the scenario's observations.
        planner: makes the plans.
        replan_every: number of epochs that a plan holds, at least 1.
    """

    def __init__(self, name: str, reader: StreamingReader, planner: Planner, replan_every: int = 1) -> None:
        super().__init__(name, reader.scenario)
        self._reader, self._schedule = reader, PlanSchedule(reader, planner, replan_every)

    @property
    def independent_rows(self) -> bool:
        """True unless the planner draws random numbers."""
        return self.name not in RANDOM_PLANNERS

    def initial_memory(self) -> PlanMemory:
        """No plan, and the scenario's mean rates."""
        return PlanMemory(self._reader.initial_estimate(), None, 0)

    def act(self, observation: Observation, memory: PlanMemory) -> tuple[Action, PlanMemory]:
        """Offload weights and thresholds for the observation of one row."""
        routed = None if memory.plan is None else memory.plan.routed
        estimate = self._reader.update(memory.estimate, observation, routed)
        plan, age = self._schedule.advance(memory, estimate, observation)
        return _action(plan), PlanMemory(estimate, plan, age)


def _action(plan: Plan) -> Action:
    return {
        "offload": np.clip(plan.solution.offload, 0.0, 1.0).astype(np.float32),
        "threshold": np.clip(plan.threshold, 0.0, 1.0).astype(np.float32),
    }
