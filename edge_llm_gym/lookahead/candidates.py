"""Candidate actions of one state: those of a linear policy, of an expert, and of the policy with other parameters."""

from typing import Any, Final

import numpy as np

from edge_llm_gym.experts import Policy
from edge_llm_gym.experts.policy import Action, Observation
from edge_llm_gym.linear import LinearPolicy
from edge_llm_gym.rows import as_rows, repeated

TRIES: Final = 4
"""Parameters that are tried for each candidate, since many lead to the same action."""


class Candidates:
    """The first action is that of `base`, the second that of the `expert` if there is one.

    The others are actions of the base policy under its parameters plus normal noise of a standard deviation. There are
    always `count`: where too few different ones are found, the base action is repeated.
    """

    def __init__(self, base: LinearPolicy, expert: Policy | None, count: int, deviation: float) -> None:
        self._base, self._expert = base, expert
        self._count, self._deviation = count, deviation

    def of(self, observation: Observation, memory: Any, rng: np.random.Generator) -> tuple[Action, Any]:
        """Actions with a leading axis of candidates, and the expert's next state."""
        chosen, memory = self._fixed(observation, memory)
        varied = self._varied(observation, rng)
        seen = {_key(action) for action in chosen}
        for index in range(len(next(iter(varied.values())))):
            action = {key: array[index] for key, array in varied.items()}
            if len(chosen) < self._count and _key(action) not in seen:
                seen.add(_key(action))
                chosen.append(action)
        chosen += [chosen[0]] * (self._count - len(chosen))
        return {key: np.stack([action[key] for action in chosen[: self._count]]) for key in chosen[0]}, memory

    def _fixed(self, observation: Observation, memory: Any) -> tuple[list[Action], Any]:
        own, _ = self._base.predict(observation)
        if self._expert is None:
            return [own], memory
        action, memory = self._expert.predict(observation, memory, deterministic=True)
        return [own, action], memory

    def _varied(self, observation: Observation, rng: np.random.Generator) -> Action:
        parameters = self._base.parameters
        noise = rng.standard_normal((TRIES * self._count, parameters.size))
        rows = {key: repeated(array[0], len(noise)) for key, array in as_rows(observation).items()}
        return self._base.act_with(rows, parameters + self._deviation * noise)


def _key(action: Action) -> bytes:
    return b"".join(np.ascontiguousarray(action[key]).tobytes() for key in sorted(action))
