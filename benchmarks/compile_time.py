"""CPU seconds of the first `compare` with an empty cache, to its first finished episode and to the end with tables and
figures, and of the compilation of each function in it.

    python -m benchmarks.compile_time EdgeLLM/MultiNode-v0 EdgeLLM/Joint-v0 --top 12

Each environment is played by its own expert, in a process of its own. The time of a function is without that of the
functions which it calls; the optimisation of the whole counts for the function that Python calls.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from numba.core import event

from edge_llm_gym.registration import ENVIRONMENTS

CHILD = """
import json, sys, time
from benchmarks.compile_time import CompileTimes
from numba.core.event import install_listener

environment, policies, out = sys.argv[1:]
times = CompileTimes()
sys.argv = ["edge-llm-gym", "compare", "-e", environment, "-n", "1", "-o", out, *(["-p", policies] if policies else [])]
from edge_llm_gym.cli import app
from edge_llm_gym.evaluation.store import FileRecords
from edge_llm_gym.evaluation.report_layout import own_expert
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.scenario import load_scenario

if not policies:
    sys.argv += ["-p", own_expert(load_scenario(ENVIRONMENTS[environment]))]
finished_s = []
add = FileRecords.add


def timed_add(records, key, record):
    finished_s.append(time.process_time())
    add(records, key, record)


FileRecords.add = timed_add
with install_listener("numba:compile", times):
    app(standalone_mode=False)
print()
print(json.dumps({"episode_s": finished_s[0], "process_s": time.process_time(), "functions": times.table()}))
"""


class CompileTimes(event.Listener):  # type: ignore[misc]
    """CPU seconds of each function, as a listener of numba's events around each compilation."""

    def __init__(self) -> None:
        self._open: list[tuple[float, float]] = []  # begin and time of the functions called, of those under way
        self._spent_s: dict[str, list[float]] = defaultdict(list)

    def on_start(self, event: Any) -> None:
        """Called by numba at the begin of each compilation."""
        self._open.append((time.process_time(), 0.0))

    def on_end(self, event: Any) -> None:
        """Called by numba at the end of each compilation."""
        now_s = time.process_time()
        begin_s, callees_s = self._open.pop()
        function = event.data["dispatcher"].py_func
        self._spent_s[f"{function.__module__}.{function.__qualname__}"].append(now_s - begin_s - callees_s)
        if self._open:
            outer_s, others_s = self._open[-1]
            self._open[-1] = outer_s, others_s + now_s - begin_s

    def table(self) -> list[tuple[str, int, float]]:
        """Function, number of specialisations and CPU seconds, the slowest first; those of numba in one row."""
        rows: dict[str, tuple[int, float]] = defaultdict(lambda: (0, 0.0))
        for name, spent_s in self._spent_s.items():
            key = name.removeprefix("edge_llm_gym.") if name.startswith("edge_llm_gym.") else "functions of numba"
            count, total_s = rows[key]
            rows[key] = count + len(spent_s), total_s + sum(spent_s)
        return sorted(((name, *row) for name, row in rows.items()), key=lambda row: -row[2])


def measure(environment: str, policies: str) -> dict[str, Any]:
    """CPU seconds to the first finished episode, of the whole process, and of each function.

    Raises RuntimeError if the process fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        variables = os.environ | {"NUMBA_CACHE_DIR": folder, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, "-c", CHILD, environment, policies, str(Path(folder) / "out")]
        child = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if child.returncode:
        raise RuntimeError(f"the first run of {environment} failed:\n{child.stderr}")
    result: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    return result


def report(environment: str, result: dict[str, Any], top: int) -> None:
    """Prints a table in Markdown."""
    functions = result["functions"]
    compiled_s, count = sum(row[2] for row in functions), sum(row[1] for row in functions)
    print(
        f"{environment}: {result['episode_s']:.1f} CPU s to the first finished episode, {compiled_s:.1f} of them for "
        f"{count} compilations, and {result['process_s']:.1f} CPU s in all\n"
    )
    print("| function | specialisations | CPU s |\n|---|---|---|")
    for name, specialisations, spent_s in functions[:top]:
        print(f"| `{name}` | {specialisations} | {spent_s:.2f} |")
    print(flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("environments", nargs="*", default=list(ENVIRONMENTS), help="ids (default: all)")
    parser.add_argument("--policies", default="", help="as for compare (default: the environment's own expert)")
    parser.add_argument("--top", type=int, default=15, help="functions that are listed (default: 15)")
    options = parser.parse_args()
    for environment in options.environments:
        report(environment, measure(environment, options.policies), options.top)


if __name__ == "__main__":
    main()
