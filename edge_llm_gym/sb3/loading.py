"""Trained policies from the archives of training runs.

Only the weights are read from an archive, without its pickles; the run's config.yaml in the same folder describes the
network that they belong to.
"""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import torch as th

from edge_llm_gym.codecs import make_codec
from edge_llm_gym.experts import Policy
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.sb3.algorithms import ALGORITHMS, draws_per_rollout, policy_arguments
from edge_llm_gym.sb3.description import PolicyDescription, describe
from edge_llm_gym.sb3.observations import READERS
from edge_llm_gym.sb3.trained_policy import DecodedPolicy
from edge_llm_gym.scenario import Scenario, load_scenario, scenario_of
from edge_llm_gym.settings import ConfigError

WEIGHTS = "policy.pth"


def load_policy(path: str | Path, env: gymnasium.Env | gymnasium.vector.VectorEnv | Scenario) -> DecodedPolicy:
    """The policy in `<run>/model.zip`, `<run>/best.zip` or a checkpoint, for an environment or a scenario.

    A set-structured policy takes environments of other sizes than it was trained on, one of kind "mlp" does not. Raises
    ConfigError for a file that is missing or lacks its config.yaml, and for an environment that the policy cannot act
    in.
    """
    th.set_num_threads(1)
    path = Path(path)
    description, scenario = describe(path), scenario_of(env)
    _check_dynamics(description, scenario, path)
    codec = make_codec(description.codec.name, scenario, **description.codec.settings)
    algorithm: Any = ALGORITHMS[description.algorithm].model_class
    kind, arguments = policy_arguments(description, scenario)
    policy_class = algorithm.policy_aliases[kind] if isinstance(kind, str) else kind
    if draws_per_rollout(description):
        arguments = arguments | {"use_sde": True}
    policy = policy_class(READERS[description.policy.kind](scenario).space, codec.space, lambda _: 0.0, **arguments)
    _load_weights(policy, path, scenario)
    policy.set_training_mode(False)
    return DecodedPolicy(policy, scenario, codec, name=str(path))


def policy_factory(path: str | Path) -> Callable[[gymnasium.Env], Policy]:
    """A function that makes the policy of a file for an environment; the file is checked at once."""
    describe(Path(path))
    return lambda env: load_policy(path, env)


def _check_dynamics(description: PolicyDescription, scenario: Scenario, path: Path) -> None:
    environment = description.environment
    own = load_scenario(environment.scenario or ENVIRONMENTS[environment.id])
    if own.variant != scenario.variant:
        raise ConfigError(
            f"{path} was trained on {environment.id} with dynamics {own.variant!r}, and cannot act in "
            f"scenario {scenario.name!r} with dynamics {scenario.variant!r}"
        )


def _load_weights(policy: th.nn.Module, path: Path, scenario: Scenario) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            weights = th.load(io.BytesIO(archive.read(WEIGHTS)), map_location="cpu", weights_only=True)
        policy.load_state_dict(weights)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ConfigError(f"{path} is no archive of Stable-Baselines3: {error}") from error
    except RuntimeError as error:
        raise ConfigError(
            f"the weights in {path} do not fit scenario {scenario.name!r}: {error}; a policy of kind 'mlp' acts only "
            f"in the sizes that it was trained on"
        ) from error
