"""Callbacks that act at the boundary between two rollouts, at intervals of environment steps."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback
from torch import nn

from agents.checkpoint import save_checkpoint
from agents.config import RunConfig
from agents.curves import Curves


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

    def state(self) -> dict[str, Any]:
        """What a resumed run needs to act at the same steps, as values that JSON holds."""
        return {"last": self._last}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from what `state` returned."""
        self._last = None if state["last"] is None else int(state["last"])


class CheckpointCallback(RolloutStartCallback):
    """Writes a checkpoint into the folder of the run, which replaces the one before.

    `parts` are the callbacks whose state belongs to it, by name. They act after this one. The logger's pending values
    are written before, since a resumed run could not.
    """

    def __init__(
        self, folder: Path, config: RunConfig, curves: Curves, parts: Mapping[str, RolloutStartCallback]
    ) -> None:
        super().__init__(config.checkpoint_every)
        self._folder, self._config, self._curves, self._parts = folder, config, curves, parts

    def act(self) -> None:
        """Writes the checkpoint."""
        if self.logger.name_to_value:
            self.logger.dump(self.num_timesteps)
        progress = {name: part.state() for name, part in self._parts.items()} | {"curves": self._curves.position()}
        save_checkpoint(self._folder, self.model, self.training_env, self._config, progress)  # type: ignore[arg-type]

    def resume(self, progress: Mapping[str, Any], steps: int) -> None:
        """Continues from the checkpoint of so many steps: restores the parts, and does not write it again."""
        self._last = steps // self.every
        for name, part in self._parts.items():
            part.restore(progress[name])


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
