"""`edge-llm-gym describe`: tables of what an environment takes, observes, rewards and reports."""

from typing import Annotated

import typer

from edge_llm_gym.cli.completion import complete_environment
from edge_llm_gym.cli.options import ScenarioOption, SetOption, environment_of, read_settings
from edge_llm_gym.env.description import describe
from edge_llm_gym.env.description.tables import show
from edge_llm_gym.sheets.terminal import Terminal


def describe_environment(
    environment: Annotated[
        str | None,
        typer.Argument(
            help="Environment id. Default: that of --scenario, and EdgeLLM/MultiNode-v0 without one.",
            autocompletion=complete_environment,
        ),
    ] = None,
    scenario: ScenarioOption = None,
    set_: SetOption = None,
    part: Annotated[
        str | None,
        typer.Option("--part", help="Only this: action, observation, observation.nodes, reward, info, info.metrics."),
    ] = None,
) -> None:
    """Describe actions, observations, reward and info: names, shapes, dtypes, units, ranges and meanings.

    The tables are those of the scenario with its overrides. In Python: print(edge_llm_gym.describe(env)).

    [bold]Examples[/]

      edge-llm-gym describe EdgeLLM/Joint-v0

      edge-llm-gym describe --scenario mine.yaml --part observation.nodes
    """
    resolved, _ = read_settings(environment_of(environment, scenario), scenario, set_, None, None)
    description = describe(resolved)
    show(Terminal(), description if part is None else description.part(part))
