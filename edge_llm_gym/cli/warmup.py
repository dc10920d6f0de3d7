"""`edge-llm-gym warmup`: compiles the kernels of environments and experts beforehand."""

from typing import Annotated

import typer

from edge_llm_gym.cli.completion import complete_environment
from edge_llm_gym.cli.options import SetOption, read_settings
from edge_llm_gym.evaluation.warm_up import Warmed, warm_up
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.sheets.terminal import Terminal


def compile_kernels(
    environments: Annotated[
        list[str] | None, typer.Argument(help="Environment ids. Default: all.", autocompletion=complete_environment)
    ] = None,
    set_: SetOption = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Number of processes.")] = 1,
) -> None:
    """Compile the kernels of environments and their experts, once per installation.

    Without it they are compiled when they are first used. They are kept in the folders __pycache__ of the package, or
    in NUMBA_CACHE_DIR, and are compiled again after an update of the package, of numba or of Python.

    [bold]Examples[/]

      edge-llm-gym warmup --jobs 2

      edge-llm-gym warmup EdgeLLM/MultiNode-v0 --set lengths.prediction.sigma=0.5
    """
    terminal, total_s = Terminal(), 0.0
    chosen = list(dict.fromkeys(environments or ENVIRONMENTS))
    scenarios = [(name, read_settings(name, None, set_, None, None)[0]) for name in chosen]

    def report(warmed: Warmed) -> None:
        nonlocal total_s
        total_s += warmed.cpu_s
        what = f"compiled {warmed.compiled} functions" if warmed.compiled else "all functions were compiled already"
        terminal.line(f"{warmed.environment}: {what}, {warmed.cpu_s:.1f} CPU seconds")

    warm_up(scenarios, jobs=jobs, report=report)
    terminal.line(f"done: {total_s:.1f} CPU seconds")
