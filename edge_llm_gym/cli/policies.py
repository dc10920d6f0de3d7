"""`edge-llm-gym policies`: lists the experts of each environment."""

from collections.abc import Iterable
from typing import Annotated

import typer

from edge_llm_gym.cli.completion import complete_environment
from edge_llm_gym.evaluation.report_layout import default_policies
from edge_llm_gym.experts import expert_descriptions
from edge_llm_gym.lookahead import ROLLOUT
from edge_llm_gym.names import known_name
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.sb3.pretrained import PRETRAINED, pretrained_names
from edge_llm_gym.scenario import Scenario, load_scenario
from edge_llm_gym.sheets import Column, Sheet, make_sheet
from edge_llm_gym.sheets.terminal import Terminal


def list_policies(
    environment: Annotated[
        str | None,
        typer.Option("--env", "-e", help="Only those of this environment.", autocompletion=complete_environment),
    ] = None,
) -> None:
    """List the policies that an environment offers by name, with a line about each.

    Those of them that compare runs by default are marked with *. Their settings are in the documentation of
    make_expert.
    """
    chosen = ENVIRONMENTS if environment is None else {known_name("environment", environment, ENVIRONMENTS)}
    terminal = Terminal()
    for scenario, names in _by_experts(chosen).values():
        terminal.sheet(policy_table(scenario, names))
        for environment in names:
            shipped = ", ".join(f"{PRETRAINED}{name}" for name in pretrained_names(environment))
            terminal.line(f"trained on {environment}: {shipped or 'none'}")
    terminal.line(
        "Settings follow a name in brackets, separated by semicolons: 'ot-gah[overrun_s=8;energy_price=0.006]'. "
        "Experts that form batches start none that would run more than overrun_s past the next possible start, by "
        "default one epoch: where epochs are short, raise it."
    )
    terminal.line(f"{ROLLOUT} looks ahead in resampled futures, in every environment (slow).")
    terminal.line("* compared by default. Other policies: package.module:factory, or the file of a trained policy.")


def policy_table(scenario: Scenario, environments: list[str]) -> Sheet:
    """The experts of the environments, which have the dynamics of the scenario."""
    defaults = default_policies(scenario.variant)
    rows = ((f"{name}{'*' * (name in defaults)}", text) for name, text in expert_descriptions(scenario).items())
    return make_sheet(", ".join(environments), ("policy", Column("description", "left", folds=True)), rows)


def _by_experts(environments: Iterable[str]) -> dict[str, tuple[Scenario, list[str]]]:
    """Environments with the same experts and defaults together, with the scenario of the first one."""
    groups: dict[str, tuple[Scenario, list[str]]] = {}
    for environment in environments:
        scenario = load_scenario(ENVIRONMENTS[environment])
        groups.setdefault(scenario.variant, (scenario, []))[1].append(environment)
    return groups
