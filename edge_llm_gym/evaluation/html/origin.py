"""Where a comparison comes from: the command, the scenario and the versions that produced it."""

import platform
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_llm_gym.evaluation.identity import library_versions, package_identity, scenario_identity
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.yaml_text import dump_yaml


@dataclass(frozen=True)
class Origin:
    """What a report tells beside the results, so that they can be computed again."""

    scenario: Scenario
    workload: str
    """The arrivals and lengths in words."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Further settings by name, such as the period of measured gaps."""
    command: str = ""
    """The command line, empty where there was none."""

    def scenario_yaml(self) -> str:
        """The scenario with all defaults; files are named with the hash of their content."""
        return dump_yaml(scenario_identity(self.scenario))

    def versions(self) -> Iterator[tuple[str, str]]:
        """Name and version of this package, with the hash of its files, of Python, the libraries and the platform."""
        yield "edge-llm-gym", package_identity()
        yield "Python", platform.python_version()
        yield from ((name, version) for name, version in library_versions().items() if version is not None)
        yield "platform", platform.platform()


def command_line() -> str:
    """The command of this process as a shell takes it."""
    return shlex.join(["edge-llm-gym", *sys.argv[1:]])
