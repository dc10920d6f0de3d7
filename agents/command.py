"""Shared by the scripts: settings on the command line, the folder of a run, and errors in one line (`run_cli`)."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.config import RunConfig, read_config
from agents.run_folder import Start
from edge_llm_gym.command import run_cli as run_cli
from edge_llm_gym.messages import quoted
from edge_llm_gym.sb3.description import CONFIG_FILE
from edge_llm_gym.settings import parse_setting

if TYPE_CHECKING:
    from edge_llm_gym.evaluation.workers import Workers


def add_run(parser: argparse.ArgumentParser, config: str) -> None:
    """Adds the configuration, which `config` describes, the folder of the run, how it starts, and --set."""
    parser.add_argument("config", nargs="?", help=config)
    parser.add_argument("--out", type=Path, help="folder of the run; runs/<name of the configuration> by default")
    parser.add_argument("--overwrite", action="store_true", help="replace the run in the folder")
    parser.add_argument(
        "--resume", type=Path, metavar="RUN", help="resume the run in this folder, with its configuration by default"
    )
    add_settings(parser)


def chosen_run(options: argparse.Namespace) -> tuple[RunConfig, Path, Start]:
    """Configuration, folder and start of a run, from the arguments of `add_run`. Raises ValueError for a mix."""
    if options.resume is None:
        config = configuration(options.config, options.set)
        return config, options.out or run_folder(options.config), "overwrite" if options.overwrite else "new"
    if options.overwrite or options.out is not None:
        raise ValueError("--resume RUN continues the run in its own folder, and takes neither --out nor --overwrite")
    return configuration(options.config or _kept(options.resume), options.set), options.resume, "resume"


def _kept(run: Path) -> Path:
    """The configuration in the folder of a run."""
    path = run / CONFIG_FILE
    if not path.is_file():
        raise ValueError(f"there is no run to resume in {run}: no {CONFIG_FILE}; start one with --out {run}")
    return path


def at_least(least: int) -> Callable[[str], int]:
    """A type of argparse: whole numbers from `least` on."""

    def whole(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"takes a whole number of at least {least}, got {value}")
        return value

    return whole


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Adds --jobs, --backend and --address."""
    from edge_llm_gym.evaluation.workers import LOKY  # loads environments and policies

    parser.add_argument("--jobs", type=_job_count, default=1, help="number of processes; -1 for one on each CPU")
    parser.add_argument("--backend", default=LOKY, help="loky for this machine (the default), ray for a Ray cluster")
    parser.add_argument(
        "--address", help="address of a running Ray cluster; by default RAY_ADDRESS, or one that is started here"
    )


def _job_count(text: str) -> int:
    from edge_llm_gym.evaluation.workers import ALL

    return ALL if text == str(ALL) else at_least(1)(text)


def chosen_workers(options: argparse.Namespace) -> "Workers":
    """The workers, from the arguments of `add_workers`. Raises ValueError as `Workers`."""
    from edge_llm_gym.evaluation.workers import Workers

    return Workers(options.jobs, options.backend, options.address)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Adds --set path=value."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="change the configuration by dotted path, as in --set policy.width=64; may be repeated",
    )


def configuration(source: str | Path | None, settings: Sequence[str]) -> RunConfig:
    """The configuration in a file, changed by path=value settings. Raises ValueError for malformed ones."""
    if source is None:
        raise ValueError("name a configuration file, or a run to resume")
    return read_config(source, parse_changes(settings))


def parse_changes(settings: Sequence[str]) -> dict[str, Any]:
    """Values by dotted path of path=value settings. Raises ValueError for malformed ones."""
    return dict(_setting(text) for text in settings)


def _setting(text: str) -> tuple[str, Any]:
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise ValueError(f"--set takes path=value, as in policy.width=64, got {quoted(text)}")
    return path.strip(), parse_setting(f"--set {path.strip()}", value)


def run_folder(config: str | Path | None) -> Path:
    """runs/<name of the configuration>."""
    return Path("runs") / Path(str(config)).stem
