"""Policies that show what a clone lacks: the expert through the clone's codec, and the clone beside the expert."""

from collections.abc import Mapping
from typing import Any

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs import Codec
from edge_llm_gym.experts import Policy


class ThroughCodec:
    """Acts as an expert whose actions are encoded and decoded again: the best that a clone with this codec could do."""

    def __init__(self, expert: Policy, codec: Codec) -> None:
        self._expert, self._codec = expert, codec

    def predict(
        self, observation: Mapping[str, Array], state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[Mapping[str, Array], Any]:
        """The decoded action, and the expert's next state."""
        action, state = self._expert.predict(observation, state, episode_start, deterministic=True)
        return self._codec.decode(self._codec.encode(action, observation), observation), state


class Agreement:
    """Acts as a clone, and counts where the expert would have put the requests in the same states."""

    def __init__(self, clone: Policy, expert: Policy) -> None:
        self._clone, self._expert = clone, expert
        self.same = self.either = 0

    def predict(
        self, observation: Mapping[str, Array], state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[Mapping[str, Array], Any]:
        """The clone's action, and the expert's next state."""
        wanted, state = self._expert.predict(observation, state, episode_start, deterministic=True)
        action, _ = self._clone.predict(observation, deterministic=True)
        if "batch" in action:
            own, other = action["batch"], wanted["batch"]
            self.same += int(((own == other) & (own > 0)).sum())
            self.either += int(((own > 0) | (other > 0)).sum())
        return action, state

    @property
    def share(self) -> float | None:
        """Requests on the expert's node among those that either of the two serves; None where there are no batches."""
        return self.same / self.either if self.either else None
