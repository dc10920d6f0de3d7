"""Tiny runs of training, imitation and search, which are killed."""

import csv
import json
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch as th

from agents.archives import score_in
from agents.checkpoint import POINTER
from agents.config import read_config
from agents.curves import PROGRESS
from agents.imitation.command import clone
from agents.imitation.fitting import Fit
from agents.run_folder import Start
from agents.search import Search, SearchConfig
from agents.search_run import STATE, run_search
from agents.training import train
from benchmarks.kills.target import Target
from edge_llm_gym.linear.policy import read_linear
from edge_llm_gym.sb3.description import CONFIG_FILE
from edge_llm_gym.sb3.vec_env import NativeVecEnv

ROWS, EVERY, ROLLOUT = 2, 8, 4
IMITATION: Final = {"expert": "edf", "rounds": 2, "rows": 2, "epochs_per_round": 2, "passes": 1, "batch_size": 4}
TRAINING: Final[dict[str, Any]] = {
    "environment": {"id": "EdgeLLM/MultiNode-v0", "overrides": {"slots": 4, "horizon_epochs": 8}},
    "codec": {"name": "priority"},
    "policy": {"width": 4},
    "hyperparameters": {"n_steps": ROLLOUT // ROWS, "batch_size": 4, "n_epochs": 1, "learning_rate": 0.01},
    "rows": ROWS,
    "steps": 40,
    "imitation": IMITATION,
    "evaluation": {"every": 12, "seeds": 2, "expert": "edf"},
    "checkpoint_every": EVERY,
}
CLONING: Final = TRAINING | {"imitation": IMITATION | {"rounds": 5}}
SEARCH: Final = SearchConfig(
    environment="EdgeLLM/EarlyExit-v0", generations=6, population=4, elite=2, rows=1, held_out=1
)
CLOCKS: Final = frozenset({"time/fps", "time/time_elapsed"})


def _start(folder: Path) -> Start:
    """A run without a configuration was killed before it began."""
    return "resume" if (folder / CONFIG_FILE).is_file() else "new"


@contextmanager
def _ticking(owner: type, name: str, tick: Callable[[], None]) -> Iterator[None]:
    """In this block each completed call of a method ticks."""
    method = getattr(owner, name)

    def ticking(*arguments: Any, **named: Any) -> Any:
        result = method(*arguments, **named)
        tick()
        return result

    setattr(owner, name, ticking)
    try:
        yield
    finally:
        setattr(owner, name, method)


def _train(folder: Path, tick: Callable[[], None]) -> None:
    with warnings.catch_warnings(), _ticking(NativeVecEnv, "step_wait", tick):
        warnings.filterwarnings("ignore", message=".*holds pickles")
        train(read_config(TRAINING), folder, start=_start(folder))


def _trained(folder: Path) -> int:
    """Environment steps of every row."""
    path = folder / POINTER
    return int(json.loads(path.read_text())["steps"]) // ROWS if path.is_file() else 0


def _imitate(folder: Path, tick: Callable[[], None]) -> None:
    with _ticking(Fit, "__call__", tick):
        clone(read_config(CLONING), folder, start=_start(folder))


def _imitated(folder: Path) -> int:
    path = folder / "imitation" / "state.pt"
    return int(th.load(path, weights_only=True)["round"]) if path.is_file() else 0


def _search(folder: Path, tick: Callable[[], None]) -> None:
    with _ticking(Search, "advance", tick):
        run_search(SEARCH, folder)


def _searched(folder: Path) -> int:
    path = folder / STATE
    return int(json.loads(path.read_text())["generation"]) if path.is_file() else 0


def _run_differences(whole: Path, cut: Path) -> list[str]:
    """What differs between two runs: names, weights, best score, curves, configuration and scores of experts."""
    differing = [] if _names(whole) == _names(cut) else [f"names: {sorted(_names(whole) ^ _names(cut))}"]
    for name in ("model.zip", "best.zip"):
        if (whole / name).is_file() and not _same_weights(whole / name, cut / name):
            differing.append(f"weights of {name}")
    if score_in(whole / "best.zip") != score_in(cut / "best.zip"):
        differing.append("score of best.zip")
    for read in (_lines, _scalars, _texts):
        if read(whole) != read(cut):
            differing.append(f"{read.__name__}: {_first_difference(read(whole), read(cut))}")
    return differing


def _names(folder: Path) -> set[str]:
    """Names of all files but the event files, which carry the time and the process."""
    paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {name for name in paths if not name.startswith("tensorboard/")}


def _same_weights(one: Path, other: Path) -> bool:
    states = [_weights(path) for path in (one, other)]
    return states[0].keys() == states[1].keys() and all(th.equal(states[0][key], states[1][key]) for key in states[0])


def _weights(path: Path) -> dict[str, th.Tensor]:
    with zipfile.ZipFile(path) as archive, archive.open("policy.pth") as file:
        weights: dict[str, th.Tensor] = th.load(file, weights_only=True)
    return weights


def _lines(folder: Path) -> list[dict[str, str]]:
    path = folder / PROGRESS
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [{key: text for key, text in line.items() if key not in CLOCKS} for line in csv.DictReader(file)]


def _scalars(folder: Path) -> list[tuple[str, str, int, float]]:
    """(agent or expert, tag, step, value) of all scalars in TensorBoard's files, duplicates included."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = []
    for writer in ("agent", "expert"):
        path = folder / "tensorboard" / writer
        events = EventAccumulator(str(path), size_guidance={"scalars": 0}).Reload() if path.is_dir() else None
        for tag in sorted(events.Tags()["scalars"]) if events else []:
            found += [(writer, tag, point.step, point.value) for point in events.Scalars(tag) if tag not in CLOCKS]
    return sorted(found)


def _texts(folder: Path) -> list[str]:
    names = (CONFIG_FILE, "versions.json", "expert-scores.json", "imitation.json")
    return [(folder / name).read_text() for name in names if (folder / name).is_file()]


def _first_difference(one: list[Any], other: list[Any]) -> str:
    pairs = [f"{left} against {right}" for left, right in zip(one, other, strict=False) if left != right]
    return pairs[0] if pairs else f"{len(one)} against {len(other)} entries"


def _search_differences(whole: Path, cut: Path) -> list[str]:
    differing = [] if _names(whole) == _names(cut) else [f"names: {sorted(_names(whole) ^ _names(cut))}"]
    if not np.array_equal(read_linear(whole / "linear.zip")[0], read_linear(cut / "linear.zip")[0]):
        differing.append("linear.zip")
    names = (STATE, "search.json", PROGRESS)
    return differing + [name for name in names if (whole / name).read_bytes() != (cut / name).read_bytes()]


TARGETS: Final = {
    "train": Target(_train, _trained, (EVERY + ROLLOUT) // ROWS, _run_differences),
    "imitate": Target(_imitate, _imitated, 1, _run_differences),
    "search": Target(_search, _searched, 1, _search_differences),
}
