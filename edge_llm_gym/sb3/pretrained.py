"""The trained policies that the package ships, by name, and the linear policies in files of their format.

A policy whose action is constant is a linear policy with known parameters; it acts without PyTorch.
"""

from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs.parameters import Parameters
from edge_llm_gym.linear import LinearPolicy
from edge_llm_gym.names import known_name
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.sb3.description import PolicyDescription, describe
from edge_llm_gym.sb3.policy_file import ENDING, PolicyFile, read_policy_file
from edge_llm_gym.scenario import Scenario, load_scenario
from edge_llm_gym.settings import ConfigError

PRETRAINED: Final = "pretrained:"
"""Before the name of a shipped policy in the specification of a policy."""
GRADIENT_MEAN, ARS_MEAN = "action_net.bias", "action_net.0.weight"
"""Names of the weights of a constant policy that its action follows from: [P] times the gain; [P, 1] under ARS."""


def pretrained_names(environment: str | None = None) -> list[str]:
    """Names of the shipped policies: of all, or of those that were trained on an environment, given by its id."""
    names = sorted(path.name.removesuffix(ENDING) for path in _folder().iterdir() if path.name.endswith(ENDING))
    if environment is None:
        return names
    known_name("environment", environment, ENVIRONMENTS)
    return [name for name in names if pretrained_file(name).description.environment.id == environment]


def pretrained_path(name: str) -> Path:
    """Path of a shipped policy. Raises ValueError for an unknown name."""
    return _folder() / f"{known_name('pretrained policy', name, pretrained_names())}{ENDING}"


def pretrained_file(name: str) -> PolicyFile:
    """Description, weights and record of a shipped policy. Raises ValueError for an unknown name."""
    return read_policy_file(pretrained_path(name))


def description_of(path: Path) -> PolicyDescription:
    """The description of the policy in a .safetensors file, or in an archive of a run.

    Raises ConfigError for a missing or damaged file, and for an archive without its config.yaml.
    """
    return read_policy_file(path).description if path.suffix == ENDING else describe(path)


def is_linear_inside(description: PolicyDescription) -> bool:
    """Whether the policy is a linear one with constant parameters."""
    return description.policy.kind == "constant" and description.codec.name == "parameters"


def linear_policy(path: Path, content: PolicyFile, scenario: Scenario) -> LinearPolicy:
    """The linear policy that a constant one is. Raises ConfigError where it does not fit the scenario."""
    require_dynamics(content.description, scenario, path)
    codec = Parameters(scenario, **content.description.codec.settings)
    action = constant_action(content, path)
    if action.shape != codec.space.shape:
        raise ConfigError(
            f"{path} holds {action.size} parameters, and scenario {scenario.name!r} takes {codec.space.shape[0]}: they "
            f"depend on its nodes and links; train a policy for it"
        )
    return codec.policy(action)


def constant_action(content: PolicyFile, path: Path) -> Array:
    """[P] float32 in [-1, 1], as the network of `sb3.constant_policy` acts. Raises ConfigError for other weights."""
    is_ars = content.description.algorithm == "ars"
    name, gain = (ARS_MEAN, 1.0) if is_ars else (GRADIENT_MEAN, content.description.policy.gain)
    found = np.asarray(content.weights.get(name, ()))
    bias = found[:, 0] if is_ars and found.ndim == 2 and found.shape[1] == 1 else found
    if bias.ndim != 1 or bias.dtype != np.float32 or not np.isfinite(bias).all():
        raise ConfigError(
            f"{path} must hold {name!r}, a vector of finite float32 numbers, got {bias.dtype} {bias.shape}"
        )
    return np.clip(np.float32(gain) * bias, -1.0, 1.0)


def trained_scenario(description: PolicyDescription) -> Scenario:
    """The scenario that a policy was trained in."""
    environment = description.environment
    return load_scenario(environment.scenario or ENVIRONMENTS[environment.id], environment.overrides)


def require_dynamics(description: PolicyDescription, scenario: Scenario, path: Path) -> None:
    """Raises ConfigError for a scenario of other dynamics than those that a policy was trained on."""
    own = trained_scenario(description)
    if own.variant != scenario.variant:
        raise ConfigError(
            f"{path} was trained on {description.environment.id} with dynamics {own.variant!r}, and cannot act in "
            f"scenario {scenario.name!r} with dynamics {scenario.variant!r}"
        )


def _folder() -> Path:
    return Path(str(resources.files("edge_llm_gym.sb3") / "pretrained_policies"))
