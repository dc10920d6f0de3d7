"""A policy that returns the flat actions of a codec."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs import Codec
from edge_llm_gym.codecs.sequence import CURSOR, LOAD, Sequence
from edge_llm_gym.codecs.wrappers.structured_rows import StructuredRows
from edge_llm_gym.experts.policy import Policy
from edge_llm_gym.rows import ROW_KEY, as_rows, is_single


class EncodedPolicy:
    """Encodes the actions of a policy, an expert for example, as flat actions.

    For clients that index actions by environment, such as Stable-Baselines3's `evaluate_policy`, for recorders and for
    imitation. An instance is also a function (observations, states, episode_starts) -> (actions, states), the form that
    `imitation.data.rollout` takes.

    Args:
        policy: acts on the dictionary observations of the environments.
        codec: a codec, for clients of `CodecWrapper`, whose observations are dictionaries; or the flat environment that
            the client steps: a `FlatEnv`, a `FlatVectorEnv`, or a vector of Gymnasium or Stable-Baselines3 that holds
            `FlatEnv`s. Flat observations do not determine the dictionaries, so the policy then reads the present
            observation of that environment, whatever it is given.

    Raises TypeError for anything else. `predict` raises NotImplementedError for codecs without an inverse.
    """

    def __init__(self, policy: Policy, codec: Codec | Any) -> None:
        self.policy = policy
        self._rows = None if hasattr(codec, "encode") else StructuredRows(codec)
        self.codec: Codec | Sequence = codec if self._rows is None else self._rows.codec
        self._planned: dict[str, Array] = {}

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[Array, Any]:
        """Flat action of an observation, or flat actions [R, ...] of a batch, and the policy's next state."""
        if self._rows is not None:
            rows, single = self._rows.read(), self._rows.is_single(observation)
        else:
            single = is_single(observation)
            rows = as_rows(observation) if single else observation
        act = self._sequence if isinstance(self.codec, Sequence) else self._epoch
        flat, state = act(rows, state, episode_start, deterministic)
        return (flat[0] if single else flat), state

    def __call__(self, observation: Any, state: Any = None, episode_start: Any = None) -> tuple[Array, Any]:
        """As `predict`, deterministic."""
        return self.predict(observation, state, episode_start, deterministic=True)

    def _epoch(
        self, rows: Mapping[str, Array], state: Any, episode_start: Any, deterministic: bool
    ) -> tuple[Array, Any]:
        action, state = self.policy.predict(rows, state, episode_start, deterministic)
        return self.codec.encode(action, rows), state

    def _sequence(
        self, rows: Mapping[str, Array], state: Any, episode_start: Any, deterministic: bool
    ) -> tuple[Array, Any]:
        """Asks the policy where an epoch begins, and keeps its action until the next one."""
        begins = Sequence.begins(rows)
        if begins.any():
            seen = {key: array for key, array in rows.items() if key not in (CURSOR, LOAD)}
            action, after = self.policy.predict(seen, state, episode_start, deterministic)
            state = _merged(after, state, begins)
            known = self._planned if len(self._planned.get("batch", ())) == len(rows[ROW_KEY]) else action
            self._planned = {"batch": np.where(begins[:, None], action["batch"], known["batch"])}
        return self.codec.encode(self._planned, rows), state


def _merged(after: Any, before: Any, begins: Array) -> Any:
    """The states of a policy, one per row: new ones in the rows that begin an epoch."""
    if after is None or before is None:
        return after
    return [new if begin else old for new, old, begin in zip(after, before, begins, strict=True)]
