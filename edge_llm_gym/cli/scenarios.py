"""`edge-llm-gym scenarios`: lists, shows and validates scenario files, and describes their keys."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from edge_llm_gym.cli.completion import complete_key, complete_scenario
from edge_llm_gym.cli.options import SetOption, read_overrides
from edge_llm_gym.files import writable_folder, write_text
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.scenario import Scenario, load_scenario, scenario_names
from edge_llm_gym.scenario.keys import PATHS, Key, chosen_keys, section_title
from edge_llm_gym.scenario.rules import unused_keys
from edge_llm_gym.sheets import Column, Sheet, make_sheet
from edge_llm_gym.sheets.terminal import Terminal
from edge_llm_gym.sim.node_costs import node_costs
from edge_llm_gym.yaml_text import dump_yaml

app = typer.Typer(help="List, show and validate scenarios, and describe their keys.", no_args_is_help=True)
Source = Annotated[
    str,
    typer.Argument(help="Name of a shipped scenario, or path of a YAML file.", autocompletion=complete_scenario),
]


@app.command("list")
def list_scenarios() -> None:
    """List the shipped scenarios and the environments that use them by default."""
    owners = {scenario: environment for environment, scenario in ENVIRONMENTS.items()}
    rows = ((name, owners.get(name, "-"), *_scenario_cells(load_scenario(name))) for name in scenario_names())
    columns = (
        "scenario",
        Column("environment", "left"),
        "nodes",
        "slots",
        "epoch [s]",
        Column("description", "left", folds=True),
    )
    Terminal().sheet(make_sheet("", columns, rows))


def _scenario_cells(scenario: Scenario) -> tuple[str, ...]:
    slots = str(scenario.slots) if has_slots(scenario) else "-"
    return str(len(scenario.nodes)), slots, f"{scenario.epoch_s:g}", scenario.description


@app.command("show")
def show(
    source: Source,
    set_: SetOption = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the YAML to this file, replacing it.")] = None,
) -> None:
    """Show a complete scenario, including defaults, and on a terminal the speed and memory of its nodes.

    Written to a file or a pipe, the output is YAML alone, which is a valid scenario file.

    [bold]Examples[/]

      edge-llm-gym scenarios show multi-node

      edge-llm-gym scenarios show multi-node --set arrivals.rate_per_s=8 --out mine.yaml
    """
    scenario = load_scenario(source, read_overrides(set_))
    text = dump_yaml(scenario.model_dump(mode="json", exclude_none=True))
    terminal = Terminal()
    if out is not None:
        writable_folder(out.parent)
        write_text(out, text)
        terminal.wrote(out)
        return
    terminal.yaml(text)
    if terminal.console.is_terminal:
        terminal.line()
        terminal.sheet(node_table(scenario))


@app.command("validate")
def validate(source: Source) -> None:
    """Check a scenario file; an invalid one gives exit status 2 and one line per violated rule."""
    scenario = load_scenario(source)
    terminal = Terminal()
    slots = f", {scenario.slots} slots" if has_slots(scenario) else ""
    terminal.parts(("valid:", "green"), (f" {scenario.name}, {len(scenario.nodes)} nodes{slots}", ""))
    terminal.line()
    terminal.sheet(node_table(scenario))


@app.command("keys")
def show_keys(
    part: Annotated[
        str | None,
        typer.Argument(
            help="Only this: a section or a key by dotted path, as in arrivals or nodes.0.memory_fraction.",
            autocompletion=complete_key,
        ),
    ] = None,
) -> None:
    """Describe the keys of a scenario file: types, ranges, defaults, units and meanings.

    --set and gym.make(..., overrides=...) take them by dotted path, with the index of an item of a list as a number.

    [bold]Examples[/]

      edge-llm-gym scenarios keys arrivals

      edge-llm-gym scenarios keys nodes.0.memory_fraction
    """
    terminal = Terminal()
    for sheet in key_sheets(part):
        terminal.sheet(sheet)


def key_sheets(part: str | None) -> Iterator[Sheet]:
    """A table for each section with keys of the part, or for all. Raises ValueError for an unknown part."""
    columns = (
        "key",
        Column("type", "left", folds=True),
        Column("range", "left"),
        Column("default", "left"),
        Column("unit", "left"),
        Column("meaning", "left", folds=True),
    )
    keys = chosen_keys(part)
    for section in PATHS:
        if rows := [_key_cells(key) for key in keys if key.section == section]:
            yield make_sheet(section_title(section), columns, rows)


def _key_cells(key: Key) -> tuple[str, ...]:
    names = f" One of {', '.join(key.choices)}." if key.choices else ""
    return key.name, key.type(), key.limits, key.default(), key.unit, key.meaning + names


def has_slots(scenario: Scenario) -> bool:
    """Whether the dynamics of a scenario have a queue with slots."""
    return "slots" not in unused_keys(scenario.dynamics)


def node_table(scenario: Scenario) -> Sheet:
    """Speed, memory for KV caches and quality factor of every node."""
    columns = (
        "node",
        Column("hardware", "left"),
        Column("quantisation", "left"),
        "usable TFLOP/s",
        "GB/s",
        "KV capacity [GB]",
        "quality",
    )
    rows = (
        (
            node.name,
            node.device().name,
            node.quantization_name,
            f"{costs.rates.usable_flops / 1e12:.1f}",
            f"{costs.rates.usable_bandwidth / 1e9:.0f}",
            f"{costs.kv_capacity_bytes / 1e9:.2f}",
            f"{costs.quality:.3f}",
        )
        for node, costs in zip(scenario.nodes, node_costs(scenario), strict=True)
    )
    return make_sheet("", columns, rows)
