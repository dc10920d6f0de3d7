"""Shared by the scripts: settings on the command line, the folder of a run, and errors in one line."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from agents.config import RunConfig, read_config
from edge_llm_gym.messages import quoted
from edge_llm_gym.settings import parse_setting


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
    return read_config(source, dict(_setting(text) for text in settings))


def _setting(text: str) -> tuple[str, Any]:
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise ValueError(f"--set takes path=value, as in policy.width=64, got {quoted(text)}")
    return path.strip(), parse_setting(path.strip(), value)


def run_folder(config: str | Path | None) -> Path:
    """runs/<name of the configuration>."""
    return Path("runs") / Path(str(config)).stem


def run_cli(action: Callable[[], None]) -> int:
    """Runs an action and returns the exit status; errors of the user are printed in one line, without a traceback."""
    try:
        action()
    except (ValueError, TypeError, NotImplementedError, ImportError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0
