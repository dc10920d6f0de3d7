"""Fixtures of the tests of scripts/make_exit_profile.py and scripts/plot_exit_profile.py."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[3] / "scripts"


@pytest.fixture(scope="module")
def part() -> Iterator[Any]:
    """Imports a module of scripts/exit_profile by name; skips the test where it needs PyTorch and that is absent.

    PyTorch computes in one thread meanwhile, as in the script: several slow tiny models down.
    """

    def load(name: str, needs_torch: bool = True) -> Any:
        if needs_torch:
            torch = pytest.importorskip("torch", minversion="2.9")
            threads.append(torch.get_num_threads())
            torch.set_num_threads(1)
        return importlib.import_module(f"exit_profile.{name}")

    threads: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield load
    if threads:
        importlib.import_module("torch").set_num_threads(threads[0])


@pytest.fixture(scope="module")
def small(part: Any) -> Any:
    return part("model").Shape(layers=2, exits=2, width=16, heads=2, context=16)


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A folder of 20 packages of two files each and 4 single modules, whose lines name their package."""
    folder = tmp_path / "packages"
    for number in range(20):
        for name in ("first", "second"):
            write_module(folder / f"package{number:02d}" / f"{name}.py", f"package{number:02d}_{name}")
    for number in range(4):
        write_module(folder / f"module{number}.py", f"module{number}")
    return folder


def write_module(path: Path, name: str) -> None:
    """A source of 60 lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"value_{line} = function(argument, {name})" for line in range(60)]
    path.write_text("\n".join(lines) + "\n")
