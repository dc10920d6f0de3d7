"""Labels for imitation: states as tokens, and the expert's decisions in them as flat actions."""

from collections.abc import Callable
from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.env.vector_env import EdgeLLMVectorEnv
from edge_llm_gym.evaluation.vector_rollout import steps_of
from edge_llm_gym.experts import Policy
from edge_llm_gym.sb3.trained_policy import DecodedPolicy

Arrays = dict[str, Array]


class Labels:
    """A growing set of labelled states."""

    def __init__(self) -> None:
        self._tokens: list[Arrays] = []
        self._actions: list[Array] = []

    def __len__(self) -> int:
        return sum(len(actions) for actions in self._actions)

    def add(self, tokens: list[Arrays], actions: list[Array]) -> None:
        """Adds arrays with a leading axis of states."""
        self._tokens += tokens
        self._actions += actions

    def arrays(self) -> tuple[Arrays, Array]:
        """All states and all labels; parts that were added are joined into one."""
        if len(self._actions) > 1:
            parts = self._tokens
            self._tokens = [{key: np.concatenate([part[key] for part in parts]) for key in parts[0]}]
            self._actions = [np.concatenate(self._actions)]
        return self._tokens[0], self._actions[0]


class LabellingPolicy:
    """Acts as `actor` does, and keeps what the expert would have done in the same states.

    The recurrent state is the expert's own. An expert that remembers its decisions (those of batching-and-routing
    dynamics do) continues as if the actor had followed it.
    """

    def __init__(self, expert: Policy, actor: Policy, agent: DecodedPolicy) -> None:
        self._expert, self._actor, self._agent = expert, actor, agent
        self.tokens: list[Arrays] = []
        self.labels: list[Array] = []

    def predict(
        self, observation: Arrays, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[Any, Any]:
        """The actor's action, and the expert's next state."""
        wanted, state = self._expert.predict(observation, state, episode_start, deterministic=True)
        tokens, labels = as_labels(observation, wanted, self._agent)
        self.tokens += tokens
        self.labels += labels
        if self._actor is self._expert:
            return wanted, state
        return self._actor.predict(observation, deterministic=True)[0], state


def collect(
    envs: EdgeLLMVectorEnv,
    policy: Any,
    epochs: int,
    seed: int,
    advance: Callable[[], None] = lambda: None,
) -> tuple[list[Arrays], list[Array]]:
    """States and labels that a labelling policy kept in all rows over some epochs; `advance` is called after each."""
    for _ in steps_of(envs, policy, seed, epochs):
        advance()
    return policy.tokens, policy.labels


def as_labels(observations: Arrays, actions: Arrays, agent: DecodedPolicy) -> tuple[list[Arrays], list[Array]]:
    """Observations and dictionary actions [n, ...] as states and labels."""
    tokens: Any = agent.reader.read(observations)
    return [tokens], [agent.codec.encode(actions, observations)]
