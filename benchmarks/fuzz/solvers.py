"""Campaign "solvers": batch and routing problems of extreme scales, solved in a process that may hang or crash.

Every problem is refused by an error that names the quantity, or solved: feasible by an independent check, with a finite
value within a finite bound that holds for the optimum by brute force (for routing: for the delay of simple rules).
"""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from benchmarks.fuzz.tally import Options, Tally

WORKER = "benchmarks.fuzz.solver_worker"
CASE_LIMIT_S = 60.0
"""Seconds that a worker may take for a case."""
START_LIMIT_S = 1800.0
"""The same until its first outcome: the solvers are compiled on first use."""


def run(options: Options) -> Tally:
    """Runs the cases in as many processes as there are jobs."""
    tally = Tally()
    jobs = max(1, min(options.jobs, options.count))
    bounds = [options.count * job // jobs for job in range(jobs + 1)]
    with ThreadPoolExecutor(jobs) as pool:
        runs = [pool.submit(_run_cases, options.seed, *part) for part in pairwise(bounds)]
        for one in runs:
            for case, text in one.result():
                _count(tally, options.seed, case, text)
    return tally


def _count(tally: Tally, seed: int, case: int, text: str) -> None:
    tally.outcomes[text.split(" ")[0] if text.startswith("FAULT") else text] += 1
    if text.startswith("FAULT"):
        tally.faults.append(
            f"case {case}: {text}\nrepeat: python -W error -m benchmarks.fuzz.solver_worker {seed} {case} {case + 1}"
        )


def _run_cases(seed: int, first: int, last: int) -> list[tuple[int, str]]:
    """Outcomes of the cases; after a hang or a crash a new worker goes on with the next case."""
    found: list[tuple[int, str]] = []
    while first < last:
        done = _run_worker(seed, first, last)
        found += done
        first = done[-1][0] + 1
    return found


def _run_worker(seed: int, first: int, last: int) -> list[tuple[int, str]]:
    """Outcomes of the cases that one worker has finished, and of the one in which it ended early."""
    command = [sys.executable, "-W", "error", "-m", WORKER, str(seed), str(first), str(last)]
    found: list[tuple[int, str]] = []
    case = first
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        timer = _started_timer(worker, START_LIMIT_S)
        for line in worker.stdout:
            timer.cancel()
            if line.startswith("case "):
                case = int(line.split()[1])
            else:
                found.append((case, line.strip()))
            timer = _started_timer(worker, CASE_LIMIT_S if found else START_LIMIT_S)
        timer.cancel()
        status = worker.wait()
        if status != 0 or not found or found[-1][0] != case:
            assert worker.stderr is not None
            found.append((case, f"FAULT the worker ended with status {status}: {worker.stderr.read()[-400:]}"))
    return found


def _started_timer(worker: "subprocess.Popen[str]", limit_s: float) -> threading.Timer:
    timer = threading.Timer(limit_s, worker.kill)
    timer.daemon = True
    timer.start()
    return timer
