"""Callbacks that act at the boundary between two rollouts, at intervals of environment steps."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback
from torch import nn

from agents.checkpoint import save_checkpoint
from agents.config import RunConfig


class RolloutStartCallback(BaseCallback):
    """Calls `act` at the start of the first rollout and of each one that has passed a multiple of `every` steps."""

    def __init__(self, every: int) -> None:
        super().__init__()
        self.every = every
        self._last: int | None = None

    def _on_rollout_start(self) -> None:
        interval = self.num_timesteps // self.every
        if self._last is None or interval > self._last:
            self.act()
        self._last = interval

    def _on_step(self) -> bool:
        return True

    def act(self) -> None:
        """The action of the subclass."""
        raise NotImplementedError


class CheckpointCallback(RolloutStartCallback):
    """Keeps the newest checkpoint at <run>/checkpoint, and writes one at the end."""

    def __init__(self, folder: Path, config: RunConfig) -> None:
        super().__init__(config.checkpoint_every)
        self._folder, self._config = folder / "checkpoint", config

    def act(self) -> None:
        """Writes the checkpoint."""
        save_checkpoint(self._folder, self.model, self.training_env, self._config)  # type: ignore[arg-type]

    def _on_training_end(self) -> None:
        self.act()


class CriticFirstCallback(BaseCallback):
    """Freezes the actor for the first `steps` environment steps, while the critic learns the actor's value.

    The advantages of an untrained critic would degrade an actor that has been cloned from an expert.
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def _on_rollout_start(self) -> None:
        is_trained = self.num_timesteps >= self.steps
        for parameter in actor_parameters(self.model.policy):
            parameter.requires_grad_(is_trained)

    def _on_step(self) -> bool:
        return True


def actor_parameters(policy: Any) -> Iterator[nn.Parameter]:
    """All parameters of an actor-critic policy that its actions depend on."""
    parts = policy.mlp_extractor
    yield from (parts.actor if hasattr(parts, "actor") else parts.policy_net).parameters()
    yield from policy.action_net.parameters()
    if hasattr(policy, "log_std"):
        yield policy.log_std
