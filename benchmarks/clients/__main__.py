"""Installs clients in environments of their own, runs their recipes, and ends with status 1 where one of them fails.

python -m benchmarks.clients
python -m benchmarks.clients rllib sbx --out docs/results/clients.json

Environments below --folder are used again. They need the network, or a copy of the packages, once; uv must be installed
(pip install 'edge-llm-gym[clients]'). CleanRL is a git repository: --repository cleanrl=PATH names a copy of it.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clients.clients import CLIENTS, Client, Recipe
from benchmarks.clients.repositories import ensure_clone, place_files
from benchmarks.clients.results import keep
from benchmarks.clients.trials import Trial, try_recipe
from benchmarks.clients.venvs import InstallError, ensure_venv, remove_venv
from edge_llm_gym.command import run_cli
from edge_llm_gym.files import writable_folder
from edge_llm_gym.interrupts import exit_status


@dataclass(frozen=True)
class Options:
    """Where and how clients run."""

    folder: Path
    limit_s: float
    remove: bool
    repositories: dict[str, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    given = _parser().parse_args(arguments)
    return run_cli(lambda: _run_all(given))


def _run_all(given: argparse.Namespace) -> int:
    """Runs the recipes of the clients; status 1 where one of them fails."""
    out = given.out or given.folder / "clients.json"
    writable_folder(out.parent)
    options = Options(given.folder, given.limit, given.remove, dict(given.repository))
    failed = False
    for name in given.clients or CLIENTS:
        for trial in run(name, CLIENTS[name], options):
            print(text_of(trial), flush=True)
            keep(out, [trial])
            failed |= bool(trial.fault)
    return int(failed)


def run(name: str, client: Client, options: Options) -> Iterator[Trial]:
    """Tries all recipes of a client."""
    try:
        python = ensure_venv(name, client, options.folder)
        places = [_place(name, client, recipe, options) for recipe in client.recipes]
    except InstallError as error:
        yield from (Trial(name, recipe.name, str(error)) for recipe in client.recipes)
        return
    for recipe, place in zip(client.recipes, places, strict=True):
        yield try_recipe(name, recipe, python, place, options.limit_s)
    if options.remove:
        remove_venv(name, options.folder)


def text_of(trial: Trial) -> str:
    """A result as a line."""
    if trial.fault:
        return f"{trial.recipe:24} FAILED: {trial.fault}"
    returns = ", ".join(f"{name} {value:.1f}" for name, value in trial.line["returns"].items())
    return f"{trial.recipe:24} {trial.line['cpu_s']:7.1f} s of CPU time; {returns} {trial.line['checked']}".rstrip()


def _place(name: str, client: Client, recipe: Recipe, options: Options) -> Path:
    """An empty folder for the files of a recipe."""
    place = options.folder.absolute() / name / recipe.name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    if client.repository is not None:
        clone = options.folder / name / "repository"
        place_files(client.repository, ensure_clone(client.repository, clone, options.repositories.get(name)), place)
    return place


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "clients", nargs="*", choices=[*CLIENTS, []], metavar="CLIENT", help=f"{', '.join(CLIENTS)}; all"
    )
    parser.add_argument("--folder", type=Path, default=Path("runs/clients"), help="environments, logs and data sets")
    parser.add_argument("--out", type=Path, help="file of results; default: clients.json in the folder")
    parser.add_argument("--limit", type=float, default=900.0, metavar="SECONDS", help="wall time of a recipe")
    parser.add_argument("--remove", action="store_true", help="remove each environment after its recipes")
    parser.add_argument(
        "--repository",
        action="append",
        default=[],
        metavar="NAME=PATH",
        type=lambda text: tuple(text.split("=", 1)),
        help="a copy of a client's git repository, in place of its URL",
    )
    return parser


if __name__ == "__main__":
    sys.exit(exit_status(main))
