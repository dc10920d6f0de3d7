"""`edge-llm-gym scenarios`: lists, shows and validates scenario files."""

from typing import Annotated

import typer
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.scenario import Scenario, load_scenario, scenario_names
from edge_llm_gym.scenario.rules import unused_keys
from edge_llm_gym.sim.node_costs import node_costs
from edge_llm_gym.yaml_text import dump_yaml

app = typer.Typer(help="List, show and validate scenarios.", no_args_is_help=True)
Source = Annotated[str, typer.Argument(help="Name of a shipped scenario, or path of a YAML file.")]


@app.command("list")
def list_scenarios() -> None:
    """List the shipped scenarios and the environments that use them by default."""
    table = Table("scenario", "environment", "nodes", "slots", "epoch [s]", "description")
    owners = {scenario: environment for environment, scenario in ENVIRONMENTS.items()}
    for name in scenario_names():
        scenario = load_scenario(name)
        slots = str(scenario.slots) if has_slots(scenario) else "-"
        sizes = (str(len(scenario.nodes)), slots, f"{scenario.epoch_s:g}")
        table.add_row(name, owners.get(name, ""), *sizes, scenario.description)
    Console().print(table)


@app.command("show")
def show(source: Source) -> None:
    """Show a complete scenario, including defaults, and the speed and memory of its nodes."""
    scenario = load_scenario(source)
    text = dump_yaml(scenario.model_dump(mode="json", exclude_none=True))
    console = Console()
    console.print(Syntax(text, "yaml", background_color="default"))
    console.print(node_table(scenario))


@app.command("validate")
def validate(source: Source) -> None:
    """Check a scenario file; an invalid one gives exit status 2 and one line per violated rule."""
    scenario = load_scenario(source)
    console = Console()
    slots = f", {scenario.slots} slots" if has_slots(scenario) else ""
    console.print(f"[green]valid:[/] {scenario.name}, {len(scenario.nodes)} nodes{slots}")
    console.print(node_table(scenario))


def has_slots(scenario: Scenario) -> bool:
    """Whether the dynamics of a scenario have a queue with slots."""
    return "slots" not in unused_keys(scenario.dynamics)


def node_table(scenario: Scenario) -> Table:
    """Speed, memory for KV caches and quality factor of every node."""
    table = Table("node", "hardware", "quantisation", "usable TFLOP/s", "GB/s", "KV capacity [GB]", "quality")
    for node, costs in zip(scenario.nodes, node_costs(scenario), strict=True):
        table.add_row(
            node.name,
            node.device().name,
            node.quantization_name,
            f"{costs.rates.usable_flops / 1e12:.1f}",
            f"{costs.rates.usable_bandwidth / 1e9:.0f}",
            f"{costs.kv_capacity_bytes / 1e9:.2f}",
            f"{costs.quality:.3f}",
        )
    return table
