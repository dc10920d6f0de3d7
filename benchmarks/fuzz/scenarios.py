"""The campaign of mutated scenarios: each is refused by ScenarioError, or constructs, resets and steps.

Workers are processes with compiled bounds checks (`NUMBA_BOUNDSCHECK=1`) and a cache of kernels of their own. A worker
that crashes or hangs is a fault of the case that it had begun; another one goes on with the next case.
"""

import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.fuzz.tally import Options, Tally

ROOT: Final = Path(__file__).parents[2]
VARIANTS: Final = ("single-node", "early-exit", "joint", "continuous")
"""Scenarios that compile all kernels."""
CASE_LIMIT_S: Final = 600.0
"""Wall time after which a case counts as hanging; kernels of rare combinations are compiled within one."""
MEMORY_BYTES: Final = 6_000_000_000


def run(options: Options) -> Tally:
    """Compiles all kernels, then tries the cases, `jobs` at a time."""
    environment = _environment(options.folder)
    with ThreadPoolExecutor(options.jobs) as pool:
        shares = [VARIANTS[job :: options.jobs] for job in range(options.jobs)]
        for error in pool.map(lambda names: _warm_up(environment, names), shares):
            if error:
                raise RuntimeError(f"the shipped scenarios fail under bounds checks:\n{error}")
        lanes = [_Lane(options, environment, job) for job in range(options.jobs)]
        list(pool.map(_Lane.run, lanes))
    tally = Tally()
    for lane in lanes:
        tally.outcomes += lane.tally.outcomes
        tally.faults += lane.tally.faults
    return tally


def _environment(folder: Path) -> dict[str, str]:
    """Variables of the workers. The cache belongs to the sources: numba does not notice changes of inlined kernels."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "edge_llm_gym").rglob("*.py")):
        digest.update(path.read_bytes())
    cache = folder / f"kernels-{digest.hexdigest()[:16]}"
    for old in folder.glob("kernels-*"):
        if old != cache:
            shutil.rmtree(old)
    return os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)}


def _command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "benchmarks.fuzz.scenario_worker", *map(str, arguments)]


def _warm_up(environment: dict[str, str], names: tuple[str, ...]) -> str:
    """Compiles the kernels of the scenarios; returns what went wrong."""
    done = subprocess.run(_command(0, 0, 0, 1, *names), env=environment, cwd=ROOT, capture_output=True, text=True)
    return done.stderr if done.returncode else ""


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


@dataclass
class _Lane:
    """Every `jobs`-th case, in one worker after the other."""

    options: Options
    environment: dict[str, str]
    job: int
    tally: Tally = field(default_factory=Tally)

    def run(self) -> None:
        """Tries all cases of the lane."""
        first = self.job
        while first < self.options.count:
            begun = self._run_worker(first)
            first = begun + self.options.jobs

    def _run_worker(self, first: int) -> int:
        """Starts a worker at a case, and returns the last case that it began."""
        command = _command(self.options.seed, first, self.options.count, self.options.jobs)
        errors = self.options.folder / f"worker-{self.job}.log"
        with (
            errors.open("w") as log,
            subprocess.Popen(
                command, env=self.environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True,
                preexec_fn=_limit_memory,
            ) as worker,
        ):  # fmt: skip
            begun, ended = first, first - 1
            assert worker.stdout is not None
            timer = _restarted(None, worker)
            for line in worker.stdout:
                timer = _restarted(timer, worker)
                event = json.loads(line)
                if event["event"] == "begin":
                    begun = event["case"]
                else:
                    ended = begun
                    self._count(begun, event)
            timer.cancel()
        if ended < begun or worker.returncode:
            tail = errors.read_text(errors="replace")[-2000:]
            self._fault(begun, f"the worker ended with {worker.returncode} (killed by a signal if negative)\n{tail}")
        return max(begun, ended)

    def _count(self, case: int, event: dict[str, str]) -> None:
        if "fault" in event:
            self._fault(case, event["fault"])
        else:
            self.tally.outcomes[event["outcome"]] += 1

    def _fault(self, case: int, text: str) -> None:
        self.tally.outcomes["fault"] += 1
        repeat = f"benchmarks.fuzz.mutations.mutated({self.options.seed}, {case})"
        self.tally.faults.append(f"case {case}, {repeat}: {text}")


def _restarted(timer: threading.Timer | None, worker: subprocess.Popen[str]) -> threading.Timer:
    if timer is not None:
        timer.cancel()
    timer = threading.Timer(CASE_LIMIT_S, worker.kill)
    timer.daemon = True
    timer.start()
    return timer
