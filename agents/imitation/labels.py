"""Labels: states as sets, and what an expert does there as flat actions."""

from collections.abc import Callable

import numpy as np

from agents.acting import Learner
from agents.tokens import limited
from edge_llm_gym.arrays import Array
from edge_llm_gym.env.vector_env import EdgeLLMVectorEnv
from edge_llm_gym.experts import Policy

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
        """All states and all labels; what was added in parts becomes one part."""
        if len(self._actions) > 1:
            parts = self._tokens
            self._tokens = [{key: np.concatenate([part[key] for part in parts]) for key in parts[0]}]
            self._actions = [np.concatenate(self._actions)]
        return self._tokens[0], self._actions[0]


def collect(
    envs: EdgeLLMVectorEnv,
    expert: Policy,
    actor: Policy,
    learner: Learner,
    epochs: int,
    seed: int,
    advance: Callable[[], None] = lambda: None,
) -> tuple[list[Arrays], list[Array]]:
    """The states of all rows over some epochs in which `actor` acts, labelled by the expert.

    What the expert remembers goes from epoch to epoch and ends with a row's episode. An expert that remembers its own
    decisions (those of batching-and-routing dynamics do) goes on as if the actor had followed it.
    """
    observations, _ = envs.reset(seed=seed)
    tokens, labels = [], []
    memory, starts = None, np.ones(envs.num_envs, np.bool_)
    for _ in range(epochs):
        wanted, memory = expert.predict(observations, memory, starts, deterministic=True)
        state, label = as_labels(observations, wanted, learner)
        tokens += state
        labels += label
        action = wanted if actor is expert else actor.predict(observations, deterministic=True)[0]
        observations, _, _, starts, _ = envs.step(action)
        advance()
    return tokens, labels


def as_labels(observations: Arrays, actions: Arrays, learner: Learner) -> tuple[list[Arrays], list[Array]]:
    """Observations and dictionary actions [n, ...] as states and labels."""
    return [limited(learner.tokens.read(observations))], [learner.codec.encode(actions, observations)]
