"""A policy for PPO and A2C whose mean action is the same in every state: one learned number for each action number.

It suits codecs whose action is a set of parameters, such as `parameters`: the codec's own policy depends on the state.
"""

from typing import Any, Final

import torch as th
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import Schedule
from torch import nn

CRITIC_WIDTH: Final = 8
"""Units of the critic's only layer; a state that is not observed has one value."""


class ConstantAction(nn.Module):
    """gain * bias for every row; the gain multiplies the learning rate of the mean against that of the deviation."""

    def __init__(self, size: int, gain: float) -> None:
        super().__init__()
        self.gain = gain
        self.bias = nn.Parameter(th.zeros(size))

    def forward(self, latent: th.Tensor) -> th.Tensor:
        """[B, size]."""
        return (self.gain * self.bias).expand(len(latent), -1)


class ConstantPolicy(ActorCriticPolicy):
    """Takes `gain` beside the library's own arguments. Raises ValueError for actions that are not in a Box."""

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        lr_schedule: Schedule,
        *,
        gain: float = 1.0,
        **settings: Any,
    ) -> None:
        if not isinstance(action_space, spaces.Box):
            raise ValueError(f"a constant policy has actions in a Box, got {action_space}; choose codec 'parameters'")
        self._gain = gain
        super().__init__(observation_space, action_space, lr_schedule, **settings)

    def _build(self, lr_schedule: Schedule) -> None:
        super()._build(lr_schedule)
        self.action_net = ConstantAction(self.action_space.shape[0], self._gain)  # type: ignore[index]
        self.optimizer = self.optimizer_class(
            self.parameters(),
            lr=lr_schedule(1),  # type: ignore[call-arg]
            **self.optimizer_kwargs,
        )
