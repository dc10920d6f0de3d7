"""Command line of scripts/make_exit_profile.py: options, defaults by task and size, checks."""

import argparse
import importlib.util
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from exit_profile.model import Shape
from exit_profile.tasks import TASKS, Task
from exit_profile.training import Recipe

SIZES = list(dict.fromkeys(size for task in TASKS.values() for size in task.sizes))
SHAPE_OPTIONS = ("layers", "width", "heads", "vocabulary", "context")


@dataclass(frozen=True)
class Settings:
    """A complete set of options."""

    task: Task
    shape: Shape
    recipe: Recipe
    steps: int
    minutes: float | None
    rows: int
    folders: list[Path]
    seed: int
    out: Path


def parse(description: str | None, arguments: Sequence[str] | None) -> Settings:
    """The settings; exits with a message if an option is faulty."""
    parser = _parser(description)
    options = parser.parse_args(arguments)
    task = TASKS[options.task]
    if options.size not in task.sizes:
        parser.error(f"--size: the task {options.task} has the sizes {', '.join(task.sizes)}, got {options.size}")
    settings = _settings(task, options)
    for fault in _faults(settings, options):
        parser.error(fault)
    return settings


def _settings(task: Task, options: argparse.Namespace) -> Settings:
    size = task.sizes[options.size]
    given = {name: getattr(options, name) for name in SHAPE_OPTIONS if getattr(options, name) is not None}
    return Settings(
        task=task,
        shape=replace(size.shape, **given),
        recipe=Recipe(size.windows_per_step, task.loss_weights, options.device or size.device),
        steps=options.steps or size.steps,
        minutes=options.minutes,
        rows=options.rows or size.rows,
        folders=options.folder or size.folders(),
        seed=options.seed,
        out=options.out,
    )


def _faults(settings: Settings, options: argparse.Namespace) -> Iterator[str]:
    """Messages on options that do not fit together or to this machine."""
    task, shape = settings.task, settings.shape
    if shape.layers % shape.exits:
        yield f"--layers: must be a multiple of the {shape.exits} exits, got {shape.layers}"
    if shape.width % (2 * shape.heads):
        yield f"--width: must be a multiple of twice the heads ({2 * shape.heads}), got {shape.width}"
    if shape.context < task.smallest_context:
        yield f"--context: must be at least {task.smallest_context} in the task {options.task}, got {shape.context}"
    smallest, largest = task.vocabulary
    if not smallest <= shape.vocabulary <= largest:
        yield f"--vocabulary: must be {smallest} to {largest} in the task {options.task}, got {shape.vocabulary}"
    if options.folder and not task.takes_folders:
        yield f"--folder: the task {options.task} reads the standard library only: leave the option out"
    if settings.recipe.device == "cuda" and not torch.cuda.is_available():
        yield "--device: cuda, but PyTorch finds no CUDA device here: give --device cpu, or --size small"
    if task.needs and importlib.util.find_spec(task.needs) is None:
        yield (
            f"--task: {options.task} needs the library {task.needs}, which is not installed: "
            "pip install 'edge-llm-gym[profiles]'"
        )


def _parser(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=TASKS, required=True, help="a row is a predicted byte, or the rest of a line")
    parser.add_argument("--size", choices=SIZES, default="small", help="defaults of the options below (default: small)")
    for name in SHAPE_OPTIONS:
        parser.add_argument(f"--{name}", type=_count, help=f"{name} of the model")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=_count, help="training steps")
    length.add_argument("--minutes", type=_minutes, help="train for about this long on this machine")
    parser.add_argument("--rows", type=_count, help="rows of the table")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="cuda trains in bfloat16")
    parser.add_argument(
        "--folder", type=_folder, action="append", help="folder of packages, repeatable (task lines; default: Python's)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of split, model and rows (default: 0)")
    parser.add_argument("--out", type=_npz, required=True, help="the .npz file to write; its stem names the profile")
    return parser


def _count(text: str) -> int:
    if (count := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {text}")
    return count


def _minutes(text: str) -> float:
    if not 0 < (minutes := float(text)) < math.inf:
        raise argparse.ArgumentTypeError(f"must be positive and finite, got {text}")
    return minutes


def _folder(text: str) -> Path:
    if not (path := Path(text)).is_dir():
        raise argparse.ArgumentTypeError(f"must be a folder that exists, got {text!r}")
    return path


def _npz(text: str) -> Path:
    path = Path(text)
    if path.suffix != ".npz" or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"must end in .npz and lie in a folder that exists, got {text!r}")
    return path
