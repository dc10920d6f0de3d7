"""The spec of an environment: complete, exact, and a JSON text that any process can make the environment from."""

import dataclasses
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from gymnasium.envs.registration import EnvSpec

from edge_llm_gym.scenario import Scenario, ScenarioSource, scenario_names
from edge_llm_gym.scenario.loading import scenario_data

RESOLVED: Final = ("overrides", "max_episode_steps")
"""Arguments of an environment that its spec holds elsewhere: in `scenario`, and in the field `max_episode_steps`."""


def resolved_spec(spec: EnvSpec, scenario: Scenario, max_episode_steps: int) -> EnvSpec:
    """The spec that Gymnasium gave to an environment, with arguments that do not depend on this process.

    `max_episode_steps` is the number of steps after which the environment truncates. A shipped scenario without
    overrides stays a name. Every other scenario becomes a mapping that holds the overrides and the content of files of
    catalogue rows, with absolute paths of the other files, so `to_json` works and the working directory has no effect.
    """
    kwargs = {key: _plain(value) for key, value in spec.kwargs.items() if key not in RESOLVED}
    kwargs["scenario"] = _resolved_source(spec.kwargs, scenario)
    return dataclasses.replace(spec, max_episode_steps=max_episode_steps, kwargs=kwargs)


def _resolved_source(kwargs: Mapping[str, Any], scenario: Scenario) -> ScenarioSource:
    source = kwargs["scenario"]
    is_shipped = isinstance(source, str) and source in scenario_names()
    return source if is_shipped and not kwargs.get("overrides") else scenario_data(scenario)


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value
