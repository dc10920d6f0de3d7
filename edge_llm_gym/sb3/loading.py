"""Trained policies: shipped ones by name, .safetensors files, and the archives of training runs.

Only the weights are read from an archive, without its pickles; the run's config.yaml in the same folder describes the
network that they belong to.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import torch as th

from edge_llm_gym.archives import ArchiveError, read_members
from edge_llm_gym.codecs import Codec, make_codec
from edge_llm_gym.experts import Policy
from edge_llm_gym.messages import shortened
from edge_llm_gym.sb3.algorithms import ALGORITHMS, draws_per_rollout, policy_arguments
from edge_llm_gym.sb3.description import PolicyDescription, describe
from edge_llm_gym.sb3.observations import READERS
from edge_llm_gym.sb3.policy_file import ENDING, read_policy_file
from edge_llm_gym.sb3.pretrained import pretrained_path, require_dynamics, trained_scenario
from edge_llm_gym.sb3.trained_policy import DecodedPolicy
from edge_llm_gym.sb3.weights import MAX_BYTES, read_weights
from edge_llm_gym.scenario import Scenario, scenario_of
from edge_llm_gym.settings import ConfigError

WEIGHTS = "policy.pth"


def load_policy(
    source: str | Path, env: gymnasium.Env | gymnasium.vector.VectorEnv | Scenario | None = None
) -> DecodedPolicy:
    """A trained policy, for an environment or a scenario; by default that which it was trained in.

    `source` is the name of a shipped policy (`sb3.pretrained.pretrained_names`), a .safetensors file that
    scripts.export wrote, or `<run>/model.zip`, `<run>/best.zip` or a checkpoint of a training run. A set-structured
    policy takes environments of other sizes than it was trained on, one of kind "mlp" does not. Raises ValueError for
    an unknown name, and ConfigError for a file that is missing or lacks its config.yaml, and for an environment that
    the policy cannot act in.
    """
    th.set_num_threads(1)
    path = source_path(source)
    description, weights = _content(path)
    scenario = trained_scenario(description) if env is None else scenario_of(env)
    require_dynamics(description, scenario, path)
    codec = _codec(description, scenario, path)
    policy = new_network(description, scenario, codec)
    fill_network(policy, weights, path, scenario)
    policy.set_training_mode(False)
    return DecodedPolicy(policy, scenario, codec, name=str(source))


def _codec(description: PolicyDescription, scenario: Scenario, path: Path) -> Codec:
    try:
        return make_codec(description.codec.name, scenario, **description.codec.settings)
    except ValueError as error:  # settings that depend on the nodes, as the parameters of codec "prices" do
        raise ConfigError(f"{path} does not fit: {error}; train a policy for this scenario") from error


def source_path(source: str | Path) -> Path:
    """The file of a policy: the path itself, or that of a shipped policy by its name."""
    is_name = isinstance(source, str) and "/" not in source and not source.endswith((".zip", ENDING))
    return pretrained_path(str(source)) if is_name else Path(source)


def _content(path: Path) -> tuple[PolicyDescription, dict[str, th.Tensor]]:
    if path.suffix == ENDING:
        content = read_policy_file(path)
        return content.description, {name: th.from_numpy(array) for name, array in content.weights.items()}
    return describe(path), archived_weights(path)


def new_network(description: PolicyDescription, scenario: Scenario, codec: Codec) -> Any:
    """The network of a description, with random weights."""
    algorithm: Any = ALGORITHMS[description.algorithm].model_class
    kind, arguments = policy_arguments(description, scenario)
    policy_class = algorithm.policy_aliases[kind] if isinstance(kind, str) else kind
    if draws_per_rollout(description):
        arguments = arguments | {"use_sde": True}
    schedule = (lambda _: 0.0,) if ALGORITHMS[description.algorithm].has_optimiser else ()
    return policy_class(READERS[description.policy.kind](scenario).space, codec.space, *schedule, **arguments)


def policy_factory(path: str | Path) -> Callable[[gymnasium.Env], Policy]:
    """A function that makes the policy of a file for an environment; the file is checked at once."""
    describe(Path(path))
    return lambda env: load_policy(path, env)


def load_weights(policy: th.nn.Module, path: Path, scenario: Scenario) -> None:
    """Reads the weights of a policy from an archive. Raises ConfigError where they are damaged or do not fit."""
    fill_network(policy, archived_weights(path), path, scenario)


def archived_weights(path: Path) -> dict[str, th.Tensor]:
    """The weights by name in an archive of Stable-Baselines3. Raises ConfigError where they are damaged."""
    try:
        return read_weights(read_members(path, MAX_BYTES, (WEIGHTS,))[WEIGHTS])
    except ArchiveError as error:
        raise ConfigError(
            f"{path} is no archive of Stable-Baselines3 with the weights of a policy: {error}; give model.zip or "
            f"best.zip of a training run"
        ) from error


def fill_network(policy: th.nn.Module, weights: dict[str, th.Tensor], path: Path, scenario: Scenario) -> None:
    """Puts weights into a network. Raises ConfigError where they do not fit."""
    try:
        policy.load_state_dict(weights)
    except RuntimeError as error:
        raise ConfigError(
            f"the weights in {path} do not fit scenario {scenario.name!r}: {shortened(str(error))}; a policy of kind "
            f"'mlp' acts only in the sizes that it was trained on"
        ) from error
