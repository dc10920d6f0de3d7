"""The `predict` protocol of Stable-Baselines3, and the base classes of the policies that implement it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.experts.shapes import check_observation
from edge_llm_gym.rows import ROW_KEY, as_rows, first_row, is_single, split_rows
from edge_llm_gym.scenario import Scenario

Action = dict[str, Array]
"""An action of the environment's own action space; batches have a leading axis of rows."""
Observation = Mapping[str, Array]
Memory = list[Any] | None
"""Recurrent state: one entry per row, or None for a stateless policy."""


class Policy(Protocol):
    """Anything that acts: the protocol of Stable-Baselines3."""

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[Any, Any]:
        """Action for an observation, and the policy's next recurrent state (None for a stateless policy)."""
        ...


class BatchPolicy(ABC):
    """Base of policies of one scenario that act on R rows at once; `predict` accepts single observations, too.

    Args:
        name: name of the policy in tables and error messages.
        scenario: the scenario of the observations and actions.
    """

    def __init__(self, name: str, scenario: Scenario) -> None:
        self.name, self.scenario = name, scenario

    @property
    def independent_rows(self) -> bool:
        """Whether the decisions for each of R rows are, bit for bit, those for the row alone, whatever came before.

        Then `edge_llm_gym.evaluation.compare` runs the episodes of many seeds as rows, by one policy.
        """
        return False

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[Action, Memory]:
        """Action and next state for one observation, or for a batch with a leading axis of R rows.

        Args:
            observation: the environment's dictionary observation.
            state: the state that the last call returned; None starts anew in every row.
            episode_start: bool or [R] bool, rows in which an episode starts; their state is discarded.
            deterministic: whether a learned policy takes the mode of its distribution instead of a sample; experts
                ignore it, since they have no distribution over actions.

        Raises ValueError for an observation of another scenario and for a state of another number of rows.
        """
        check_observation(self.name, self.scenario, observation)
        rows = as_rows(observation) if is_single(observation) else observation
        memory = self._memory(len(rows[ROW_KEY]), state, episode_start)
        action, after = self.act_rows(rows, memory, deterministic)
        return (first_row(action) if is_single(observation) else action), after

    @abstractmethod
    def act_rows(self, observation: Observation, memory: Memory, deterministic: bool) -> tuple[Action, Memory]:
        """Actions and next states of R rows."""

    def initial_memory(self) -> Any:
        """State of a row at the start of an episode; None for a stateless policy."""
        return None

    def _memory(self, rows: int, state: Any, episode_start: Any) -> Memory:
        """The state of each row, renewed where an episode starts."""
        initial = self.initial_memory()
        if initial is None:
            return None
        if state is None:
            return [initial] * rows
        if len(state) != rows:
            raise ValueError(
                f"the state must hold the memory of {rows} rows, got {len(state)}; pass the state that predict returned"
            )
        starts = np.zeros(rows, np.bool_) if episode_start is None else np.broadcast_to(episode_start, rows)
        return [initial if start else memory for memory, start in zip(state, starts, strict=True)]


class RowPolicy(BatchPolicy):
    """Base of policies that decide for one row at a time, each row with its own memory."""

    def act_rows(self, observation: Observation, memory: Memory, deterministic: bool) -> tuple[Action, Memory]:
        """Actions and next states of R rows."""
        rows = split_rows(observation)
        pairs = [self.act(row, one) for row, one in zip(rows, memory or [None] * len(rows), strict=True)]
        action = {key: np.stack([row[key] for row, _ in pairs]) for key in pairs[0][0]}
        return action, None if memory is None else [after for _, after in pairs]

    @abstractmethod
    def act(self, observation: Observation, memory: Any) -> tuple[Action, Any]:
        """Action and next memory for the observation of one row."""
