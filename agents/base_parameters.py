"""The parameters that codecs of linear policies start from, given as the name or the file of a policy that has them."""

from pathlib import Path

from edge_llm_gym.linear import LinearPolicy, is_linear
from edge_llm_gym.lookahead.registry import base_policy
from edge_llm_gym.sb3.description import PolicyDescription, describe
from edge_llm_gym.sb3.policy_file import PolicyFile
from edge_llm_gym.sb3.pretrained import is_linear_inside, linear_policy, trained_scenario
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.settings import ConfigError


def base_numbers(base: str, description: PolicyDescription) -> list[float]:
    """The parameters of a policy, for the scenario of a description.

    `base` is "zero", "pretrained:NAME", a file that scripts.export or scripts.search wrote, or the archive of a run
    whose policy is constant. Raises ConfigError for any other policy, and for one that does not fit.
    """
    try:
        return _policy(base, trained_scenario(description)).parameters.tolist()
    except (ValueError, OSError) as error:
        raise ConfigError(f"codec.settings.base: {error}") from error


def _policy(base: str, scenario: Scenario) -> LinearPolicy:
    path = Path(base)
    if path.suffix != ".zip" or not path.is_file() or is_linear(path):
        return base_policy(base, scenario)
    from edge_llm_gym.sb3.loading import archived_weights  # loads PyTorch

    found = describe(path)
    if not is_linear_inside(found):
        raise ConfigError(f"{path} holds a policy that is not constant; name one that a recipe parameters-* trained")
    weights = {name: tensor.numpy() for name, tensor in archived_weights(path).items()}
    return linear_policy(path, PolicyFile(found, weights), scenario)
