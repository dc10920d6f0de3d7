"""`edge-llm-gym measure`: times a model on the local device and fits a hardware profile to the timings."""

from pathlib import Path
from typing import Annotated, Final

import typer

from edge_llm_gym import measuring
from edge_llm_gym.cli.fit import coefficient_table, error_cells
from edge_llm_gym.cli.options import shape_in_file
from edge_llm_gym.models.hardware_profiles import require_profile_path, save_hardware_profile
from edge_llm_gym.models.llm import ModelShape, model_shape
from edge_llm_gym.models.timings import Timing, write_timings
from edge_llm_gym.sheets import Column, Sheet, make_sheet
from edge_llm_gym.sheets.terminal import Terminal

MODEL_SUFFIXES: Final = (".yaml", ".yml")


def measure_device(
    model: Annotated[str, typer.Option("--model", "-m", help="Name of a shipped model, or YAML file of a shape.")],
    device: Annotated[str | None, typer.Option(help="cpu or cuda. Default: cuda where PyTorch sees a GPU.")] = None,
    bits: Annotated[int, typer.Option(help="16 (bfloat16) or 32 (float32) for weights and KV cache.")] = 16,
    threads: Annotated[int | None, typer.Option(help="Threads of the CPU. Default: PyTorch's choice.", min=1)] = None,
    batches: Annotated[str | None, typer.Option(help="Batch sizes of decode iterations, e.g. 1,2,4,8.")] = None,
    contexts: Annotated[str | None, typer.Option(help="Tokens of contexts and prompts, e.g. 64,256,1024.")] = None,
    repeats: Annotated[int | None, typer.Option(help="Timings of each decode iteration.", min=1)] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A small grid, to see whether everything works.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of weights, tokens, order and lengths of whole batches.")] = 0,
    out: Annotated[Path, typer.Option("--out", "-o", help="CSV file for the timings.")] = Path("runs/timings.csv"),
    profile: Annotated[Path, typer.Option(help="YAML file for the profile.")] = Path("runs/profile.yaml"),
) -> None:
    """Time prefills, decode iterations and whole batches of a model on this device, and fit a hardware profile.

    Weights are random, which changes no timing. The profile is fitted to every other point of the grid; its errors are
    shown for these, for the other points and for whole batches. The scenario key cost: measured uses it. Needs the
    extra agents.
    """
    terminal = Terminal()
    require_profile_path(profile)  # before the timings, which take minutes
    shape = read_shape(model)
    processor = measuring.make_processor(device, threads)
    grid = measuring.make_grid(
        processor.kind, quick=quick, batches=_counts(batches), contexts=_counts(contexts), repeats=repeats
    )
    timings = measuring.Session(shape, grid, processor, bits, seed).run(terminal.line)
    for path in (out, profile):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_timings(out, timings)
    terminal.wrote(out)
    _fit(shape, timings, profile, terminal)


def _fit(shape: ModelShape, timings: list[Timing], path: Path, terminal: Terminal) -> None:
    """Fits, shows and writes the profile."""
    checked = measuring.fit_and_check(shape, timings)
    terminal.sheet(coefficient_table(checked.profile))
    terminal.sheet(_error_table(checked))
    save_hardware_profile(checked.profile, path)
    terminal.wrote(path)


def read_shape(model: str) -> ModelShape:
    """The shape of a shipped model or in a YAML file. Raises ValueError for an unknown name, and as `shape_in_file`."""
    path = Path(model)
    return shape_in_file(path) if path.suffix in MODEL_SUFFIXES else model_shape(model)


def _counts(text: str | None) -> tuple[int, ...] | None:
    """Numbers of a comma-separated list. Raises ValueError for anything else."""
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"a list of counts is written as 1,2,4, got {text!r}") from None


def _error_table(checked: measuring.CheckedFit) -> Sheet:
    columns = ("timings", Column("fitted", "left"), "number", "mean error", "worst error")
    rows = (
        (timings, "no" if held_out else "yes", *error_cells(errors)) for timings, held_out, errors in checked.errors
    )
    return make_sheet("errors of the profile", columns, rows)
