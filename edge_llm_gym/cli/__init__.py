"""The command line: `edge-llm-gym COMMAND`, with one module per command."""

import os
import sys
from typing import Annotated

import typer

from edge_llm_gym import __version__
from edge_llm_gym.cli import (
    bench,
    benchmark,
    calibrate,
    catalogue,
    compare,
    describe,
    fit,
    measure,
    policies,
    record_dataset,
    render,
    scenarios,
    sweep,
    trace,
    warmup,
)
from edge_llm_gym.compiled.events import announcing
from edge_llm_gym.interrupts import exit_status, unmasked
from edge_llm_gym.messages import file_error
from edge_llm_gym.sheets.terminal import Terminal

app = typer.Typer(
    name="edge-llm-gym",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.command("compare")(compare.compare_policies)
app.command("sweep")(sweep.sweep_scenarios)
app.command("benchmark")(benchmark.run_benchmark)
app.command("calibrate")(calibrate.show_calibration)
app.add_typer(scenarios.app, name="scenarios")
app.command("describe")(describe.describe_environment)
app.command("catalogue")(catalogue.show_catalogue)
app.command("policies")(policies.list_policies)
app.command("trace")(trace.show_trace)
app.command("measure")(measure.measure_device)
app.command("fit")(fit.fit_timings)
app.command("render")(render.render_episode)
app.command("record-dataset")(record_dataset.record_dataset)
app.command("bench")(bench.run_bench)
app.command("warmup")(warmup.compile_kernels)


def _show_version(asked: bool) -> None:
    if asked:
        print(f"edge-llm-gym {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Scheduling of language-model inference at the network edge: compare policies, inspect scenarios and traces."""
    if "" not in sys.path:
        sys.path.insert(0, "")  # package.module:name is also looked up in the working directory


def main() -> None:
    """Runs the command line. User errors print one message, without a traceback, and exit with status 2.

    SIGINT (Ctrl-C) and SIGTERM print one line and exit with status 130 and 143.
    """
    sys.exit(exit_status(_run))


def _run() -> None:
    try:
        with announcing(Terminal(stderr=True).note), unmasked():
            app()
    except BrokenPipeError:  # the reader of a pipe, such as head, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is flushed at the end
        sys.exit(1)
    except OSError as error:
        _fail(file_error(error))
    except (ValueError, TypeError, ImportError) as error:
        _fail(str(error))


def _fail(message: str) -> None:
    Terminal(stderr=True).error(message)
    sys.exit(2)
