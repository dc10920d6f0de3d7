"""Runs the blocks of a page in order, in one namespace and one folder."""

import shutil
from pathlib import Path

import pytest

from tests.docs_code.blocks import SLOW, read_page
from tests.docs_code.evaluators import CHECKOUT

COPIED = ("configs", "examples")
"""Folders of the checkout that commands on the pages read. Copies, so that no page can change the checkout."""


def run_page(path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, *, slow: bool) -> int:
    """Runs the blocks of a page and returns how many were run.

    Args:
        path: The page.
        folder: An empty folder in which the blocks run.
        monkeypatch: Restores the working directory and the import path.
        slow: Also runs the blocks marked slow. The others run in any case, since slow blocks may build on them.

    Raises:
        AssertionError: A shell block or an interactive statement does not do what the page says.
        Exception: Whatever a Python block raises.
    """
    _enter(folder, monkeypatch)
    document = read_page(path)
    # Functions of a page are pickled for worker processes by value, as those of a script are.
    document.namespace["__name__"] = "__main__"
    due = [example for example in document.examples() if slow or example.region.lexemes["when"] != SLOW]
    for example in due:
        example.evaluate()
    return len(due)


def _enter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in COPIED:
        if (CHECKOUT / name).is_dir():
            shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("MPLBACKEND", "Agg")
