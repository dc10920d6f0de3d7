"""The command line: `edge-llm-gym COMMAND`, one module a command."""

import sys

import typer
from rich.console import Console

from edge_llm_gym.cli import bench, calibrate, compare, render, scenarios, trace

app = typer.Typer(
    name="edge-llm-gym",
    help="Schedule language-model inference at the network edge: compare schedulers, inspect scenarios and traces.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.command("compare")(compare.compare_policies)
app.command("calibrate")(calibrate.show_calibration)
app.add_typer(scenarios.app, name="scenarios")
app.command("trace")(trace.show_trace)
app.command("render")(render.render_episode)
app.command("bench")(bench.run_bench)


def main() -> None:
    """Runs the command line; a user's mistake is one clear message and exit status 2, never a traceback."""
    try:
        app()
    except (ValueError, TypeError, OSError, ImportError) as error:
        Console(stderr=True).print(f"[bold red]error:[/] {error}", markup=True, highlight=False, soft_wrap=True)
        sys.exit(2)
