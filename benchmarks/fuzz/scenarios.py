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
VARIANTS: Final = (
    "single-node 0",
    "joint 0.5",
    "continuous 0.5",
    "joint 0",
    "early-exit 0",
    "single-node 0.5",
    "continuous 0",
)
"""Scenarios, each with the sigma of its predictions, that compile all kernels."""
KERNEL_SOURCES: Final = (
    "compiled/*.py",
    "units.py",
    "sim/**/*.py",
    "workload/**/*.py",
    "models/channel/*.py",
    "scenario/metrics.py",
)
"""Files of the package with what is compiled."""
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
    for source in KERNEL_SOURCES:
        for path in sorted((ROOT / "edge_llm_gym").glob(source)):
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
        (self.options.folder / f"cases-{self.job}.jsonl").unlink(missing_ok=True)
        first = self.job
        while first < self.options.count:
            first = self._run_worker(first) + self.options.jobs

    def _run_worker(self, first: int) -> int:
        """Starts a worker at a case, and returns the last case that it began."""
        command = _command(self.options.seed, first, self.options.count, self.options.jobs)
        errors = self.options.folder / f"worker-{self.job}.log"
        with errors.open("w") as log:
            worker = subprocess.Popen(
                command,
                env=self.environment,
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                preexec_fn=_limit_memory,
            )
        with worker:
            begun, ended = self._follow(worker, first)
        if ended < begun or worker.returncode:
            tail = errors.read_text(errors="replace")[-2000:]
            self._fault(begun, f"the worker ended with {worker.returncode} (killed by a signal if negative)\n{tail}")
        return begun

    def _follow(self, worker: subprocess.Popen[str], first: int) -> tuple[int, int]:
        """Counts what a worker reports, also in a file; returns the last case that began and the last that ended."""
        begun, ended = first, first - 1
        timer = _restarted(None, worker)
        with (self.options.folder / f"cases-{self.job}.jsonl").open("a") as cases:
            for line in worker.stdout or ():
                timer = _restarted(timer, worker)
                event = json.loads(line)
                cases.write(line)
                cases.flush()
                begun = event["case"]
                if event["event"] == "end":
                    ended = begun
                    self._count(begun, event)
        timer.cancel()
        return begun, ended

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
