"""Set-structured policies for Stable-Baselines3: pass them as `policy` to PPO, A2C and MaskablePPO."""

from collections.abc import Sequence
from typing import Any

import torch as th
from gymnasium import spaces
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import Schedule
from torch import nn

from edge_llm_gym.sb3.layouts import Block, flat_size
from edge_llm_gym.sb3.network import Actor, Critic, SetNetwork, SetNetworks

SCORE_BOUND = 4.0
"""Scores x go into a Box of [-1, 1] as tanh(x / SCORE_BOUND)."""


class TokenExtractor(BaseFeaturesExtractor):
    """Passes the tokens on unchanged: the networks take them as they are."""

    def __init__(self, observation_space: spaces.Dict) -> None:
        super().__init__(observation_space, features_dim=1)

    def forward(self, observations: dict[str, th.Tensor]) -> dict[str, th.Tensor]:
        """The tokens."""
        return observations


class _SetPolicy:
    """What both policies share: the networks in the places where the library has layers.

    Takes a `network` beside the library's own arguments.
    """

    mlp_extractor: Any
    action_net: Any
    value_net: Any
    log_std: nn.Parameter

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        lr_schedule: Schedule,
        *,
        network: SetNetwork,
        **settings: Any,
    ) -> None:
        self._network = network
        super().__init__(  # type: ignore[call-arg]
            observation_space, action_space, lr_schedule, features_extractor_class=TokenExtractor, **settings
        )

    def _build(self, lr_schedule: Schedule) -> None:
        network = self._network
        shapes = {key: space.shape for key, space in self.observation_space.spaces.items()}  # type: ignore[attr-defined]
        is_box = isinstance(self.action_space, spaces.Box)  # type: ignore[attr-defined]
        check_layout(network.blocks, shapes["pair"][:2], self.action_space)  # type: ignore[attr-defined]
        actor = Actor(shapes, network, bound=SCORE_BOUND if is_box else None)
        self.mlp_extractor = SetNetworks(actor, Critic(shapes, network.width))
        self.action_net, self.value_net = nn.Identity(), nn.Identity()
        if is_box:
            self.log_std = nn.Parameter(th.full((1,), network.log_std))
        self.optimizer = self.optimizer_class(  # type: ignore[attr-defined]
            self.parameters(),  # type: ignore[attr-defined]
            lr=lr_schedule(1),
            **self.optimizer_kwargs,  # type: ignore[attr-defined]
        )


class SetPolicy(_SetPolicy, ActorCriticPolicy):
    """For PPO and A2C; Box, MultiDiscrete and Discrete actions."""


class MaskableSetPolicy(_SetPolicy, MaskableActorCriticPolicy):
    """For MaskablePPO; MultiDiscrete and Discrete actions."""


def check_layout(blocks: Sequence[Block], shapes: tuple[int, int], space: spaces.Space) -> None:
    """Raises ValueError where the blocks do not make up the action space."""
    expected = int(sum(space.nvec)) if isinstance(space, spaces.MultiDiscrete) else spaces.flatdim(space)
    received = flat_size(blocks, shapes)
    if received != expected:
        raise ValueError(
            f"the blocks {list(blocks)} make {received} numbers for {shapes[0]} items and {shapes[1]} nodes, "
            f"but the action space {space} takes {expected}"
        )
