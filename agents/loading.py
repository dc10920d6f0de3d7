"""Trained policies from their files, to act, be compared and be recorded.

Only the weights are read from an archive, without its pickles; which network they belong to stands in the run's
config.yaml, in the same folder.
"""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import torch as th

from agents.acting import Learner
from agents.algorithms import ALGORITHMS, policy_arguments
from agents.codecs import make_codec
from agents.config import ConfigError, RunConfig, read_config
from agents.linear import is_linear, load_linear
from agents.tokens import make_tokens, token_space
from edge_llm_gym.experts import Policy
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.scenario import Scenario, load_scenario, scenario_of

WEIGHTS = "policy.pth"


def load_policy(path: str | Path, env: gymnasium.Env | gymnasium.vector.VectorEnv | Scenario) -> Learner:
    """The policy in <run>/model.zip, <run>/best.zip or a checkpoint, for an environment.

    A set-structured policy takes environments of other sizes than it was trained on, an "mlp" one does not. Raises
    ConfigError for a file that is missing or lacks its config.yaml, and for an environment that the policy cannot act
    in.
    """
    th.set_num_threads(1)
    path = Path(path)
    config, scenario = config_of(path), scenario_of(env)
    _check_admission(config, scenario, path)
    tokens = make_tokens(scenario)
    codec = make_codec(config.codec.name, scenario, **config.codec.settings)
    algorithm: Any = ALGORITHMS[config.algorithm].learner
    kind, arguments = policy_arguments(config, scenario)
    policy_class = algorithm.policy_aliases[kind] if isinstance(kind, str) else kind
    policy = policy_class(token_space(tokens), codec.space, lambda _: 0.0, **arguments)
    _load_weights(policy, path, scenario)
    policy.set_training_mode(False)
    return Learner(str(path), policy, tokens, codec)


def policy_factory(path: str) -> Callable[[gymnasium.Env], Policy]:
    """What makes the policy of a file for an environment; the file is checked at once."""
    if is_linear(Path(path)):
        return lambda env: load_linear(Path(path), scenario_of(env))
    config_of(Path(path))
    return lambda env: load_policy(path, env)


def config_of(path: Path) -> RunConfig:
    """The configuration that stands beside an archive, or beside the checkpoint that holds it."""
    if not path.is_file():
        raise ConfigError(f"there is no trained policy at {str(path)!r}; a run writes model.zip and best.zip")
    for folder in (path.parent, path.parent.parent):
        if (folder / "config.yaml").is_file():
            return read_config(folder / "config.yaml")
    raise ConfigError(
        f"{path} lacks the config.yaml of its run, which says what network it holds; keep both in one folder"
    )


def _check_admission(config: RunConfig, scenario: Scenario, path: Path) -> None:
    own = load_scenario(config.environment.scenario or ENVIRONMENTS[config.environment.id])
    if own.dynamics != scenario.dynamics:
        raise ConfigError(
            f"{path} was trained on {config.environment.id} with admission {own.dynamics!r}, and cannot act in "
            f"scenario {scenario.name!r} with admission {scenario.dynamics!r}"
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
