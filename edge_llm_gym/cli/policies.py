"""`edge-llm-gym policies`: lists the experts of each environment, and describes the settings of one."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Annotated

import typer

from edge_llm_gym.cli.completion import complete_environment, complete_policy
from edge_llm_gym.env.description.docstrings import docstring_table
from edge_llm_gym.evaluation.report_layout import default_policies
from edge_llm_gym.experts import expert_descriptions, expert_names, expert_settings, make_expert
from edge_llm_gym.lookahead import ROLLOUT, make_rollout
from edge_llm_gym.messages import quoted
from edge_llm_gym.names import known_name
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.sb3.pretrained import PRETRAINED, pretrained_names
from edge_llm_gym.scenario import Scenario, load_scenario
from edge_llm_gym.sheets import Column, Sheet, make_sheet
from edge_llm_gym.sheets.terminal import Terminal


def list_policies(
    policy: Annotated[
        str | None,
        typer.Argument(help="Only this one, with its settings.", autocompletion=complete_policy),
    ] = None,
    environment: Annotated[
        str | None,
        typer.Option("--env", "-e", help="Only those of this environment.", autocompletion=complete_environment),
    ] = None,
) -> None:
    """List the policies that an environment offers by name, with a line about each, or the settings of one of them.

    Those of them that compare runs by default are marked with *.

    [bold]Examples[/]

      edge-llm-gym policies --env EdgeLLM/MultiNode-v0

      edge-llm-gym policies ot-gah
    """
    chosen = ENVIRONMENTS if environment is None else {known_name("environment", environment, ENVIRONMENTS)}
    terminal = Terminal()
    if policy is not None:
        for sheet in settings_sheets(policy, chosen):
            terminal.sheet(sheet)
        return
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
    terminal.line("edge-llm-gym policies NAME lists the settings of a policy.")
    terminal.line(f"{ROLLOUT} looks ahead in resampled futures, in every environment (slow).")
    terminal.line("* compared by default. Other policies: package.module:factory, or the file of a trained policy.")


def policy_table(scenario: Scenario, environments: list[str]) -> Sheet:
    """The experts of the environments, which have the dynamics of the scenario."""
    defaults = default_policies(scenario.variant)
    rows = ((f"{name}{'*' * (name in defaults)}", text) for name, text in expert_descriptions(scenario).items())
    return make_sheet(", ".join(environments), ("policy", Column("description", "left", folds=True)), rows)


def settings_sheets(policy: str, environments: Collection[str]) -> Iterator[Sheet]:
    """A table of the settings of a policy for the environments where it has the same ones.

    Raises ValueError for an unknown policy, for a trained one, and for one that serves none of the environments.
    """
    if ":" in policy:
        raise ValueError(f"experts and {ROLLOUT} have settings, got {quoted(policy)}, which has none")
    if policy == ROLLOUT:
        yield _settings_sheet(policy, docstring_table(make_rollout, "setting"))
        return
    groups = _by_settings(policy, environments)
    if not groups:
        kind = f"policy of {', '.join(environments)}" if len(environments) < len(ENVIRONMENTS) else "policy"
        known_name(kind, policy, [*_offered(environments), ROLLOUT])
    rows = docstring_table(make_expert, "setting")
    for taken, names in groups.items():
        yield _settings_sheet(f"{policy}, {', '.join(names)}", [row for row in rows if row["setting"] in taken])


def _by_settings(policy: str, environments: Iterable[str]) -> dict[tuple[str, ...], list[str]]:
    """Environments that an expert serves, by its settings there."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for scenario, names in _by_experts(environments).values():
        if policy in expert_names(scenario):
            groups.setdefault(tuple(expert_settings(policy, scenario)), []).extend(names)
    return groups


def _offered(environments: Iterable[str]) -> set[str]:
    """Names of the experts of any of the environments."""
    return {name for scenario, _ in _by_experts(environments).values() for name in expert_names(scenario)}


def _settings_sheet(title: str, settings: Iterable[Mapping[str, str]]) -> Sheet:
    """A table of settings; says so where there are none."""
    columns = ("setting", Column("default", "left", folds=True), Column("meaning", "left", folds=True))
    rows = [(row["setting"], row["default"], row["meaning"]) for row in settings]
    return make_sheet(title, columns, rows, () if rows else ("no settings",))


def _by_experts(environments: Iterable[str]) -> dict[str, tuple[Scenario, list[str]]]:
    """Environments with the same experts and defaults together, with the scenario of the first one."""
    groups: dict[str, tuple[Scenario, list[str]]] = {}
    for environment in environments:
        scenario = load_scenario(ENVIRONMENTS[environment])
        groups.setdefault(scenario.variant, (scenario, []))[1].append(environment)
    return groups
