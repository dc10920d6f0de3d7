"""Tries mutants one after the other and keeps each result in Cosmic Ray's session file."""

import shlex
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import WorkItem, WorkResult

from benchmarks.mutation.groups import prefix_of, tests_of
from benchmarks.mutation.report import describe, outcome_of
from benchmarks.mutation.sampling import draw, mutation_of
from benchmarks.mutation.workspace import Workspace

PYTEST = (*("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist"), "-m", "not slow and not compiled")
POSITIONAL_OUT = "ignore:Passing more than 2 positional:DeprecationWarning"  # numba knows no keyword `out`
GRACE_S = 30.0
TIMEOUT_FACTOR = 4.0
"""Tests of a mutant are stopped, and it counts as killed, after this multiple of their time without a mutation."""


@dataclass
class Trials:
    """The mutants of a sample and their results, in one file per seed.

    Raises:
        RuntimeError: From `run`, when tests fail without a mutation.
    """

    workspace: Workspace
    seed: int
    _timeouts_s: dict[str, float] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """The session file."""
        return self.workspace.folder / f"seed-{self.seed}.sqlite"

    def draw(self, count: int) -> None:
        """Adds mutants until the session has `count` of them."""
        with use_db(self.file) as session:
            present = session.num_work_items
            if present < count:
                session.add_work_items(draw(self._every_mutant(), count, self.seed)[present:])

    def run(self) -> None:
        """Tries the mutants that have no result yet."""
        with use_db(self.file, WorkDB.Mode.open) as session, self.workspace.inside():
            pending = sorted(session.pending_work_items, key=lambda item: item.job_id)
            for number, item in enumerate(pending, start=1):
                result = self._try(item)
                session.set_result(item.job_id, result)
                where = describe(item, self.workspace.tree)
                print(f"{number}/{len(pending)} {outcome_of(result)}: {where}", flush=True)

    def results(self) -> list[tuple[WorkItem, WorkResult]]:
        """The mutants that were tried, in the order of the sample."""
        with use_db(self.file, WorkDB.Mode.open) as session:
            return sorted(session.completed_work_items, key=lambda pair: pair[0].job_id)

    def _every_mutant(self) -> list[WorkItem]:
        with use_db(self.workspace.folder / "all.sqlite") as every:
            init(self.workspace.modules(), every, {})
            return list(every.work_items)

    def _try(self, item: WorkItem) -> WorkResult:
        prefix = prefix_of(mutation_of(item).module_path.relative_to(self.workspace.tree))
        if prefix not in self._timeouts_s:
            self._timeouts_s[prefix] = GRACE_S + TIMEOUT_FACTOR * self._unmutated_time_s(prefix)
        return mutate_and_test(item.mutations, shlex.join(self._command(prefix)), self._timeouts_s[prefix])

    def _command(self, prefix: str) -> list[str]:
        return [sys.executable, *PYTEST, "-W", POSITIONAL_OUT, *tests_of(prefix, self.workspace.tree)]

    def _unmutated_time_s(self, prefix: str) -> float:
        began_s = time.perf_counter()
        done = subprocess.run(self._command(prefix), capture_output=True, text=True)
        spent_s = time.perf_counter() - began_s
        if done.returncode != 0:
            raise RuntimeError(f"the tests of {prefix} fail without a mutation; correct them first:\n{done.stdout}")
        print(f"tests of {prefix}: {spent_s:.0f} s without a mutation", flush=True)
        return spent_s
