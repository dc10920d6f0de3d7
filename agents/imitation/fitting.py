"""Fits the actor of a policy to labels by stochastic gradient descent."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch as th
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.policies import ActorCriticPolicy

from agents.config import ImitationConfig
from agents.imitation.labels import Labels
from agents.imitation.losses import Loss

MAX_GRADIENT_NORM = 1.0


class Fit:
    """Passes over all labels so far in random batches; optimiser and random order continue from call to call.

    The critic is not changed.
    """

    def __init__(
        self, policy: ActorCriticPolicy | MaskableActorCriticPolicy, loss_of: Loss, imitation: ImitationConfig
    ) -> None:
        self._policy, self._loss_of, self._imitation = policy, loss_of, imitation
        self._optimiser = th.optim.Adam(policy.parameters(), lr=imitation.learning_rate)
        self._rng = np.random.default_rng(imitation.seed)

    def __call__(self, labels: Labels, advance: Callable[[], None] = lambda: None) -> float:
        """The mean loss of the last pass; `advance` is called after each pass."""
        self._policy.set_training_mode(True)
        losses: list[float] = []
        for _ in range(self._imitation.passes):
            losses = [
                self._step(self._loss_of(self._policy, tokens, actions))
                for tokens, actions in batches(labels, self._imitation.batch_size, self._rng)
            ]
            advance()
        self._policy.set_training_mode(False)
        return float(np.mean(losses))

    def state(self) -> dict[str, Any]:
        """Weights, optimiser and random order, to continue with."""
        return {
            "policy": self._policy.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "rng": json.dumps(self._rng.bit_generator.state),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restores what `state` returned, the weights of the policy included."""
        self._policy.load_state_dict(state["policy"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._rng.bit_generator.state = json.loads(state["rng"])

    def _step(self, loss: th.Tensor) -> float:
        self._optimiser.zero_grad(set_to_none=True)
        th.autograd.backward(loss)
        th.nn.utils.clip_grad_norm_(self._policy.parameters(), MAX_GRADIENT_NORM)
        self._optimiser.step()
        return float(loss.detach())


def batches(labels: Labels, size: int, rng: np.random.Generator) -> Iterator[tuple[dict[str, th.Tensor], th.Tensor]]:
    """All labels once, in random order, as tensors."""
    tokens, actions = labels.arrays()
    order = rng.permutation(len(labels))
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        yield {key: th.as_tensor(array[chosen]) for key, array in tokens.items()}, th.as_tensor(actions[chosen])
