"""Policies from .safetensors files, with PyTorch only where there is a network in them."""

from pathlib import Path

from edge_llm_gym.experts import Policy
from edge_llm_gym.sb3.policy_file import read_policy_file
from edge_llm_gym.sb3.pretrained import is_linear_inside, linear_policy
from edge_llm_gym.scenario import Scenario


def saved_policy(path: Path, scenario: Scenario) -> Policy:
    """The policy in a .safetensors file, for a scenario. Raises ConfigError where it does not fit.

    PyTorch is loaded for networks alone, and ImportError is raised where it is missing.
    """
    content = read_policy_file(path)
    if is_linear_inside(content.description):
        return linear_policy(path, content, scenario)
    # Local, since it loads PyTorch.
    from edge_llm_gym.sb3.loading import load_policy

    return load_policy(path, scenario)
