"""A search in a folder: every generation is written, and an interrupted search continues.

| in the folder | content |
|---|---|
| `search.json` | the settings |
| `state.json` | settings, distributions, generator and curve after the last generation |
| `progress.csv` | the curve |
| `linear.zip` | the policy at the mean of the distributions |

`state.json` is replaced first; the last two follow from it and are written again when a search continues.
"""

import csv
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from agents.search import Search, SearchConfig, SearchState
from edge_llm_gym.evaluation.workers import Jobs
from edge_llm_gym.files import remove_leftovers, replacing, writable_folder, write_text
from edge_llm_gym.linear import LinearPolicy
from edge_llm_gym.settings import ConfigError

SETTINGS, STATE, CURVE, POLICY = "search.json", "state.json", "progress.csv", "linear.zip"
HEADER: Final = ("generation", "mean", "best", "held_out")


def run_search(
    config: SearchConfig,
    folder: Path,
    *,
    overwrite: bool = False,
    jobs: Jobs = 1,
    report: Callable[[SearchState], None] = lambda state: None,
) -> LinearPolicy:
    """The policy that `agents.search.search` finds; continues the search of the same settings in the folder, if any.

    `report` is called with the state that the search begins with and after each generation; `jobs` are as for
    `compare`.

    Raises ConfigError for a folder that holds another search, unless it is to be overwritten, and for one whose state
    cannot be read; ValueError for a folder that cannot be written into.
    """
    search = Search(config, jobs)
    try:
        state = _begin(search, folder, overwrite)
        report(state)
        while state.generation < config.generations:
            state = search.advance(state)
            _write(search, state, folder)
            report(state)
        return search.policy(state)
    finally:
        search.close()


def _begin(search: Search, folder: Path, overwrite: bool) -> SearchState:
    """The state in the folder, or that before the first generation; all files agree with it afterwards."""
    writable_folder(folder)
    remove_leftovers(folder)
    state = None if overwrite else _read(search, folder)
    if state is None:
        state = search.begin()
        (folder / POLICY).unlink(missing_ok=True)
    _write(search, state, folder)
    return state


def _read(search: Search, folder: Path) -> SearchState | None:
    """The state of an earlier search with the same settings; None where the folder holds no search."""
    if not (folder / STATE).is_file():
        _refuse_result(folder)
        return None
    try:
        kept: dict[str, Any] = json.loads((folder / STATE).read_text("utf-8"))
        settings, state = kept["settings"], _state(kept)
        search.check(state)
        differing = [name for name, value in _settings(search.config).items() if settings.get(name) != value]
    except (ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(
            f"the state of the search in {folder / STATE} cannot be read ({type(error).__name__}: {error}); "
            f"--overwrite begins the search anew"
        ) from error
    if differing:
        _refuse_other(folder, {name: (settings.get(name), _settings(search.config)[name]) for name in differing})
    return state


def _state(kept: dict[str, Any]) -> SearchState:
    mean, spread = (np.array(kept[name], np.float64) for name in ("mean", "spread"))
    return SearchState(int(kept["generation"]), mean, spread, kept["generator"], tuple(map(tuple, kept["curve"])))


def _settings(config: SearchConfig) -> dict[str, Any]:
    settings: dict[str, Any] = config.model_dump(mode="json")
    return settings


def _refuse_other(folder: Path, differing: dict[str, tuple[Any, Any]]) -> None:
    listed = ", ".join(f"{name} {kept!r} instead of {wanted!r}" for name, (kept, wanted) in differing.items())
    raise ConfigError(
        f"{folder} holds a search with {listed}; choose another folder with --out, or replace it with --overwrite"
    )


def _refuse_result(folder: Path) -> None:
    """Raises ConfigError for a result without a state, as earlier versions left it."""
    for name in (POLICY, CURVE, SETTINGS):
        if (folder / name).exists():
            raise ConfigError(
                f"{folder / name} is in the way: there is no {STATE} that tells which search it is of; choose another "
                f"folder with --out, or replace it with --overwrite"
            )


def _write(search: Search, state: SearchState, folder: Path) -> None:
    values = asdict(state) | {"mean": state.mean.tolist(), "spread": state.spread.tolist()}
    write_text(folder / STATE, json.dumps({"settings": _settings(search.config)} | values) + "\n")
    write_text(folder / SETTINGS, search.config.model_dump_json(indent=1) + "\n")
    with replacing(folder / CURVE) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *((row, *figures) for row, figures in enumerate(state.curve))])
    if state.generation:
        search.policy(state).save(folder / POLICY)
