"""The learning algorithms: their classes, the action spaces that they take, and models of them from a configuration."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from gymnasium import spaces
from sb3_contrib import MaskablePPO
from stable_baselines3 import A2C, DQN, PPO, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from agents.config import ConfigError, RunConfig
from agents.layouts import blocks_of
from agents.policies import MaskableSetPolicy, SetPolicy
from edge_llm_gym.names import suggestion
from edge_llm_gym.scenario import Scenario

RESERVED = frozenset(
    {"self", "policy", "env", "policy_kwargs", "tensorboard_log", "verbose", "seed", "device", "_init_setup_model"}
)
"""Arguments that a run fills in itself."""


@dataclass(frozen=True)
class Algorithm:
    """A class of the library, the kinds of action space that it takes, and its set-structured policy, if any."""

    learner: type[BaseAlgorithm]
    takes: tuple[type[spaces.Space], ...]
    set_policy: type | None = None

    @property
    def hyperparameters(self) -> list[str]:
        """Names that a configuration may set."""
        return [name for name in inspect.signature(self.learner).parameters if name not in RESERVED]


DISCRETE = (spaces.Discrete, spaces.MultiDiscrete)
ALGORITHMS: Final[Mapping[str, Algorithm]] = MappingProxyType(
    {
        "ppo": Algorithm(PPO, (spaces.Box, *DISCRETE), SetPolicy),
        "a2c": Algorithm(A2C, (spaces.Box, *DISCRETE), SetPolicy),
        "maskable-ppo": Algorithm(MaskablePPO, DISCRETE, MaskableSetPolicy),
        "dqn": Algorithm(DQN, (spaces.Discrete,)),
        "sac": Algorithm(SAC, (spaces.Box,)),
        "td3": Algorithm(TD3, (spaces.Box,)),
    }
)


def check_hyperparameters(config: RunConfig) -> None:
    """Raises ConfigError for a hyperparameter that the algorithm does not have."""
    known = ALGORITHMS[config.algorithm].hyperparameters
    for name in config.hyperparameters:
        if name not in known:
            raise ConfigError(
                f"hyperparameters.{name}: algorithm {config.algorithm!r} has no such hyperparameter; "
                f"{suggestion(name, known)}"
            )


def check_space(config: RunConfig, space: spaces.Space) -> None:
    """Raises ConfigError where the algorithm does not take the actions of the codec."""
    takes = ALGORITHMS[config.algorithm].takes
    if not isinstance(space, takes):
        able = [name for name, algorithm in ALGORITHMS.items() if isinstance(space, algorithm.takes)]
        raise ConfigError(
            f"algorithm {config.algorithm!r} takes actions of kind {[kind.__name__ for kind in takes]}, but codec "
            f"{config.codec.name!r} makes {type(space).__name__}; choose another codec, or one of {able}"
        )


def policy_arguments(config: RunConfig, scenario: Scenario) -> tuple[Any, dict[str, Any]]:
    """The policy (a class or the library's name for one) and its keyword arguments."""
    policy = config.policy
    if policy.kind == "mlp":
        return "MultiInputPolicy", {"net_arch": list(policy.hidden)} | _mlp_noise(config)
    return ALGORITHMS[config.algorithm].set_policy, {
        "blocks": blocks_of(config.codec.name, config.codec.settings, scenario),
        "width": policy.width,
        "mixer": policy.mixer,
        "prior": policy.prior,
        "log_std": policy.log_std,
    }


def _mlp_noise(config: RunConfig) -> dict[str, Any]:
    return {"log_std_init": config.policy.log_std} if config.algorithm in ("ppo", "a2c") else {}


def make_model(config: RunConfig, env: VecEnv, scenario: Scenario) -> BaseAlgorithm:
    """An untrained model of a configuration. Raises ConfigError where the two do not suit each other."""
    check_hyperparameters(config)
    check_space(config, env.action_space)
    policy, arguments = policy_arguments(config, scenario)
    learner: Any = ALGORITHMS[config.algorithm].learner
    return learner(
        policy, env, policy_kwargs=arguments, seed=config.seed, device="cpu", verbose=0, **config.hyperparameters
    )
