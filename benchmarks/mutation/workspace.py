"""The folder of a mutation run: a frozen copy of the checkout, and a second copy in which mutants are written."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.modules import find_modules

from benchmarks.mutation.groups import PACKAGES

CHECKOUT = Path(__file__).parents[2]
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv*", "runs", "site", "build", "dist", "__pycache__", ".*_cache", ".hypothesis"
)
ENVIRONMENT = {
    # Kernels are compiled into their callers, so a cached caller would still hold the code before the mutation.
    "NUMBA_DISABLE_JIT": "1",
    # Hypothesis then draws the same examples every time and stores none.
    "CI": "true",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class Workspace:
    """Copies of the checkout below an absolute `folder`."""

    folder: Path

    @property
    def frozen(self) -> Path:
        """The checkout as it was when the run began."""
        return self.folder / "unmutated"

    @property
    def tree(self) -> Path:
        """The copy that is mutated."""
        return self.folder / "tree"

    def prepare(self) -> None:
        """Makes both copies, or continues with the frozen one of an earlier call.

        Raises:
            RuntimeError: A module has changed since the run began, so that its results would not belong together.
        """
        if not self.frozen.is_dir():
            shutil.copytree(CHECKOUT, self.frozen, ignore=NOT_COPIED)
        for module in self._modules(self.frozen):
            self._check_unchanged(module)
        # A run that was stopped may have left a mutant behind.
        shutil.rmtree(self.tree, ignore_errors=True)
        shutil.copytree(self.frozen, self.tree)

    def modules(self) -> list[Path]:
        """The modules to mutate."""
        return self._modules(self.tree)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Works in the mutated copy, with the environment for its tests."""
        before = dict(os.environ)
        os.environ.update(ENVIRONMENT, PYTHONPATH=str(self.tree))
        try:
            with contextlib.chdir(self.tree):
                yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def _modules(self, root: Path) -> list[Path]:
        return sorted(find_modules([root / package for package in PACKAGES]))

    def _check_unchanged(self, module: Path) -> None:
        name = module.relative_to(self.frozen)
        now = CHECKOUT / name
        if not now.is_file() or now.read_bytes() != module.read_bytes():
            raise RuntimeError(f"{name} has changed since this mutation run began; delete {self.folder} to begin anew")
