"""Tiny comparisons, sweeps, calibrations and recordings, which are killed."""

import csv
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import typer

from agents.recording import record
from benchmarks.kills.target import Target
from edge_llm_gym.cli import app
from edge_llm_gym.evaluation.jobs import Job
from edge_llm_gym.evaluation.store import FILE

ENVIRONMENT: Final = "EdgeLLM/SingleNode-v0"
SHORT: Final = ("--set", "horizon_epochs=3")
CLOCK: Final = "decision_ms"
"""A metric that differs between runs: wall time."""
GIF: Final = "episode.gif"


@contextmanager
def _ticking(tick: Callable[[], None]) -> Iterator[None]:
    """In this block each finished episode ticks, before it is kept."""
    run = Job.run

    def ticking(job: Job, env: Any) -> Any:
        result = run(job, env)
        tick()
        return result

    Job.run = ticking  # type: ignore[method-assign]
    try:
        yield
    finally:
        Job.run = run  # type: ignore[method-assign]


def _command(*words: str) -> None:
    """A command as it is typed, with exit status 0 or 1: checks of a calibration may fail."""
    try:
        app(list(words), standalone_mode=False)
    except typer.Exit as ended:
        if ended.exit_code > 1:
            raise


def _compare(folder: Path, tick: Callable[[], None]) -> None:
    with _ticking(tick):
        _command("compare", "-e", ENVIRONMENT, "-p", "edf,random", "-n", "4", "--bound", *SHORT, "-o", str(folder))


def _sweep(folder: Path, tick: Callable[[], None]) -> None:
    swept = ("--set", "arrivals.rate_per_s=2,4")
    with _ticking(tick):
        _command("sweep", "-e", ENVIRONMENT, "-p", "edf,random", "-n", "2", *swept, *SHORT, "-o", str(folder))


def _calibrate(folder: Path, tick: Callable[[], None]) -> None:
    with _ticking(tick):
        _command("calibrate", "-e", ENVIRONMENT, "--experts", "edf", "-n", "3", *SHORT, "-o", str(folder))


def _record(folder: Path, tick: Callable[[], None]) -> None:
    record("edf", folder / GIF, environment=ENVIRONMENT, seed=0, epochs=3, frame_ms=500)
    tick()


def _kept(folder: Path) -> int:
    """Number of complete lines with an episode or a bound."""
    found = [line for path in folder.glob(f"*{FILE}") for line in path.read_text().split("\n")[:-1]]
    return sum(line.startswith(('{"key": ["episode"', '{"key": ["bound"')) and line.endswith("}") for line in found)


def _recorded(folder: Path) -> int:
    return int((folder / GIF).is_file())


def _differences(whole: Path, cut: Path) -> list[str]:
    """What differs between two folders: names, and contents apart from wall times."""
    names = [{path.relative_to(folder).as_posix() for path in folder.rglob("*")} for folder in (whole, cut)]
    differing = [f"names: {sorted(names[0] ^ names[1])}"] if names[0] != names[1] else []
    return differing + [name for name in sorted(names[0] & names[1]) if _content(whole / name) != _content(cut / name)]


def _content(path: Path) -> Any:
    """Content of a file without wall times; the records of a store in any order."""
    if path.suffix == ".jsonl":
        lines = [_without_clock(json.loads(line)) for line in path.read_text().splitlines() if line.endswith("}")]
        return sorted(json.dumps(line, sort_keys=True) for line in lines)
    if path.suffix == ".json":
        return _without_clock(json.loads(path.read_text()))
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return [_without_clock(line) for line in csv.DictReader(file)]
    if path.suffix == ".html":  # its tables show decision times
        return re.sub(r"\d[\d.]*", "#", path.read_text("utf-8"))
    return path.read_bytes()


def _without_clock(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _without_clock(value) for key, value in data.items() if key != CLOCK}
    return [_without_clock(item) for item in data] if isinstance(data, list) else data


TARGETS: Final = {
    "compare": Target(_compare, _kept, 1, _differences),
    "sweep": Target(_sweep, _kept, 1, _differences),
    "calibrate": Target(_calibrate, _kept, 1, _differences),
    "record": Target(_record, _recorded, 1, _differences),
}
"""A kill may lose the episode that is running, or that is finished and not yet written."""
