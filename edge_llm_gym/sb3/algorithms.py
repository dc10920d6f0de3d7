"""The learning algorithms: their classes, the action spaces that they take, and their policies."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from gymnasium import spaces
from sb3_contrib import ARS, TQC, MaskablePPO
from stable_baselines3 import A2C, DQN, PPO, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm

from edge_llm_gym.sb3.constant_policy import CRITIC_WIDTH, ConstantPolicy
from edge_llm_gym.sb3.description import PolicyDescription
from edge_llm_gym.sb3.layouts import blocks_of
from edge_llm_gym.sb3.network import SetNetwork
from edge_llm_gym.sb3.policies import MaskableSetPolicy, SetPolicy
from edge_llm_gym.scenario import Scenario

RESERVED = frozenset(
    {"self", "policy", "env", "policy_kwargs", "tensorboard_log", "verbose", "seed", "device", "_init_setup_model"}
)
"""Arguments that a training run fills in itself."""


@dataclass(frozen=True)
class Algorithm:
    """A class of the library, the kinds of action space that it takes, and its set-structured policy, if any.

    The policies of an algorithm with an optimiser take a schedule of its learning rate.
    """

    model_class: type[BaseAlgorithm]
    takes: tuple[type[spaces.Space], ...]
    set_policy: type | None = None
    has_optimiser: bool = True

    @property
    def hyperparameters(self) -> list[str]:
        """Names that a configuration may set."""
        return [name for name in inspect.signature(self.model_class).parameters if name not in RESERVED]


DISCRETE = (spaces.Discrete, spaces.MultiDiscrete)
ALGORITHMS: Final[Mapping[str, Algorithm]] = MappingProxyType(
    {
        "ppo": Algorithm(PPO, (spaces.Box, *DISCRETE), SetPolicy),
        "a2c": Algorithm(A2C, (spaces.Box, *DISCRETE), SetPolicy),
        "maskable-ppo": Algorithm(MaskablePPO, DISCRETE, MaskableSetPolicy),
        "dqn": Algorithm(DQN, (spaces.Discrete,)),
        "sac": Algorithm(SAC, (spaces.Box,)),
        "td3": Algorithm(TD3, (spaces.Box,)),
        "tqc": Algorithm(TQC, (spaces.Box,)),
        "ars": Algorithm(ARS, (spaces.Box,), has_optimiser=False),
    }
)
MLP_POLICY = "MultiInputPolicy"
"""The library's name of a plain network over a dictionary of arrays."""
HAS_LOG_STD = ("ppo", "a2c")
"""Algorithms whose plain policy takes `log_std_init`."""


def draws_per_rollout(description: PolicyDescription) -> bool:
    """Whether the noise of the action is drawn once per rollout: the library's state-dependent exploration, of which
    the state of a constant policy is constant."""
    policy = description.policy
    return policy.kind == "constant" and policy.noise == "rollout" and description.algorithm != "ars"


def policy_arguments(description: PolicyDescription, scenario: Scenario) -> tuple[Any, dict[str, Any]]:
    """The policy (a class, or the library's name of one) and its keyword arguments."""
    policy = description.policy
    if description.algorithm == "ars":  # of a constant observation: one weight for each number of the action
        return "LinearPolicy", {}
    if policy.kind == "constant":
        return ConstantPolicy, {"gain": policy.gain, "log_std_init": policy.log_std, "net_arch": [CRITIC_WIDTH]}
    if policy.kind == "mlp":
        noise = {"log_std_init": policy.log_std} if description.algorithm in HAS_LOG_STD else {}
        return MLP_POLICY, {"net_arch": list(policy.hidden)} | noise
    network = SetNetwork(
        blocks=blocks_of(description.codec.name, description.codec.settings, scenario),
        width=policy.width,
        mixer=policy.mixer,
        prior=policy.prior,
        log_std=policy.log_std,
    )
    return ALGORITHMS[description.algorithm].set_policy, {"network": network}
