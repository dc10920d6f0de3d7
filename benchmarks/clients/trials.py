"""Runs a recipe in the interpreter of its client, within a time limit, and reads the line that it prints."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.clients.clients import Recipe

FOLDER: Final = Path(__file__).parent
RUNNER: Final = FOLDER / "recipe.py"
RECIPES: Final = FOLDER / "recipes"
CONTROL_STEPS: Final = 2048
BEGINNING: Final = '{"environment"'
"""How the line of a recipe begins."""
DATASETS: Final = "datasets"
THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class RecipeError(RuntimeError):
    """A recipe failed, took too long, or printed no result."""


@dataclass(frozen=True)
class Trial:
    """What became of a recipe: its line, or the reason why there is none."""

    client: str
    recipe: str
    fault: str = ""
    control: str | None = None
    """The environment on which the same recipe ran with no other change."""
    line: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As it stands in the file of results."""
        return {"client": self.client, "recipe": self.recipe, "fault": self.fault, "control": self.control, **self.line}


def try_recipe(client: str, recipe: Recipe, python: Path, place: Path, limit_s: float) -> Trial:
    """Runs a recipe in the folder `place`, then the same one on its control. Logs are written there."""
    command = [str(python), "-P", str(RUNNER), str(RECIPES / f"{recipe.name}.py")]
    try:
        line = result_line(run_limited(command, place, "log.txt", limit_s))
        if fault := worse_than_random(line):
            return Trial(client, recipe.name, fault, line=line)
        if recipe.control is not None:
            changed = ["--control", recipe.control, *(["--steps", str(CONTROL_STEPS)] if line["steps"] else [])]
            result_line(run_limited([*command, *changed], place, "control.txt", limit_s))
    except RecipeError as error:
        return Trial(client, recipe.name, str(error))
    return Trial(client, recipe.name, control=recipe.control, line=line)


def run_limited(command: Sequence[str], place: Path, log: str, limit_s: float) -> str:
    """Output of a command in the folder `place`, which is also written to the file `log` there.

    Data sets of an earlier command in the same folder are removed, and processes that this one leaves are ended.

    Raises RecipeError where it fails or takes longer than the limit.
    """
    path = place / log
    shutil.rmtree(place / DATASETS, ignore_errors=True)
    with path.open("wb") as file, _started(command, place, file) as process:
        try:
            status = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise RecipeError(f"took more than {limit_s:g} s; see {os.path.relpath(path)}") from None
    said = path.read_text("utf-8", errors="replace")
    if status:
        raise RecipeError(f"status {status}: {last_words(said)}; see {os.path.relpath(path)}")
    return said


def result_line(said: str) -> dict[str, Any]:
    """The line of JSON in the output of a recipe. Raises RecipeError where there is none."""
    lines = [line for line in said.splitlines() if line.startswith(BEGINNING)]
    if not lines:
        raise RecipeError(f"printed no result: {last_words(said)}")
    line: dict[str, Any] = json.loads(lines[-1])
    return line


def last_words(said: str) -> str:
    """The last line of an output that is not empty, such as the message of an exception."""
    return next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "no output")


def worse_than_random(line: dict[str, Any]) -> str:
    """A fault where the trained policy is not better than random actions."""
    returns = line["returns"]
    if "trained" not in returns or returns["trained"] > returns["random"]:
        return ""
    return f"return {returns['trained']:.1f} after training, {returns['random']:.1f} of random actions"


@contextlib.contextmanager
def _started(command: Sequence[str], place: Path, file: Any) -> Any:
    """A process in a group of its own, of which nothing is left at the end."""
    variables = os.environ | dict.fromkeys(THREADS, "1") | {"MINARI_DATASETS_PATH": str(place / DATASETS)}
    process = subprocess.Popen(
        command, cwd=place, env=variables, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
