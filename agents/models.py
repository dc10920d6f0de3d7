"""Untrained models of a configuration, and the checks that algorithm, codec and hyperparameters suit one another."""

from collections.abc import Mapping
from typing import Any

from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv

from agents.config import RunConfig
from edge_llm_gym.names import suggestion
from edge_llm_gym.sb3.algorithms import ALGORITHMS, draws_per_rollout, policy_arguments
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.settings import ConfigError


def check_hyperparameters(config: RunConfig) -> None:
    """Raises ConfigError for a hyperparameter that the algorithm does not have."""
    known = ALGORITHMS[config.algorithm].hyperparameters
    for name in config.hyperparameters:
        if name not in known:
            raise ConfigError(
                f"hyperparameters.{name}: algorithm {config.algorithm!r} has no such hyperparameter; "
                f"{suggestion(name, known)}"
            )


def _values(config: RunConfig) -> dict[str, Any]:
    """The hyperparameters, mappings {from, to} turned into schedules. Raises ConfigError for any other mapping."""
    values = dict(config.hyperparameters)
    if draws_per_rollout(config):
        values |= {"use_sde": True, "sde_sample_freq": -1}
    for name, value in values.items():
        if not isinstance(value, Mapping):
            continue
        if set(value) != {"from", "to"} or not all(isinstance(end, int | float) for end in value.values()):
            raise ConfigError(f"hyperparameters.{name}: a schedule is {{from: number, to: number}}, got {value}")
        values[name] = LinearSchedule(value["from"], value["to"], end_fraction=1.0)
    return values


def check_space(config: RunConfig, space: spaces.Space) -> None:
    """Raises ConfigError where the algorithm or its policy does not take the actions of the codec."""
    takes = ALGORITHMS[config.algorithm].takes
    if not isinstance(space, takes):
        able = [name for name, algorithm in ALGORITHMS.items() if isinstance(space, algorithm.takes)]
        raise ConfigError(
            f"algorithm {config.algorithm!r} takes actions of kind {[kind.__name__ for kind in takes]}, but codec "
            f"{config.codec.name!r} makes {type(space).__name__}; choose another codec, or one of {able}"
        )
    if config.policy.kind == "constant" and not isinstance(space, spaces.Box):
        raise ConfigError(
            f"a constant policy has actions of kind 'Box', but codec {config.codec.name!r} makes "
            f"{type(space).__name__}; choose codec 'parameters', or policy: {{kind: set}}"
        )


def make_model(config: RunConfig, env: VecEnv, scenario: Scenario) -> BaseAlgorithm:
    """An untrained model of a configuration. Raises ConfigError where algorithm and codec do not suit each other."""
    check_hyperparameters(config)
    check_space(config, env.action_space)
    policy, arguments = policy_arguments(config, scenario)
    model_class: Any = ALGORITHMS[config.algorithm].model_class
    return model_class(
        policy, env, policy_kwargs=arguments, seed=config.seed, device="cpu", verbose=0, **_values(config)
    )
