"""The command line: `edge-llm-gym COMMAND`, with one module per command."""

import sys

import typer
from rich.console import Console
from rich.markup import escape

from edge_llm_gym.cli import bench, calibrate, catalogue, compare, fit, measure, render, scenarios, trace
from edge_llm_gym.interrupts import exit_status

app = typer.Typer(
    name="edge-llm-gym",
    help="Scheduling of language-model inference at the network edge: compare policies, inspect scenarios and traces.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.command("compare")(compare.compare_policies)
app.command("calibrate")(calibrate.show_calibration)
app.add_typer(scenarios.app, name="scenarios")
app.command("catalogue")(catalogue.show_catalogue)
app.command("trace")(trace.show_trace)
app.command("measure")(measure.measure_device)
app.command("fit")(fit.fit_timings)
app.command("render")(render.render_episode)
app.command("bench")(bench.run_bench)


def main() -> None:
    """Runs the command line. User errors print one message, without a traceback, and exit with status 2.

    SIGINT (Ctrl-C) and SIGTERM print one line and exit with status 130 and 143.
    """
    sys.exit(exit_status(_run))


def _run() -> None:
    try:
        app()
    except (ValueError, TypeError, OSError, ImportError) as error:
        Console(stderr=True).print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(2)
