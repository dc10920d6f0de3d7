"""Compares the speed of two checkouts: environment steps per CPU second, and the CPU time of the first run.

    python benchmarks/compare_speed.py ../old . --alternations 9
    python benchmarks/compare_speed.py ../old . --first-run

Both checkouts are measured in alternation, each time in a new process with the checkout on PYTHONPATH and a Numba cache
of its own, so that slow changes of the machine's speed affect both alike. Steps are counted per CPU second: the
processes have one thread, and other work on the machine takes little CPU time from them, but much wall time. Every
alternation gives one ratio new / old per environment and number of rows; the median and the range of these ratios are
printed. `--first-run` measures instead the CPU seconds (user and system) of a process from an empty Numba cache to the
end of the first episode.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENVIRONMENTS = ("EdgeLLM/SingleNode-v0", "EdgeLLM/MultiNode-v0", "EdgeLLM/EarlyExit-v0", "EdgeLLM/Joint-v0")
ROWS = (0, 256)
"""Rows of the native vector environment; 0 is the single environment."""

# The child uses gymnasium and the registered ids alone, so that it runs with every version of the package.
MEASURE = """
import itertools, json, sys, time
import gymnasium, edge_llm_gym

environment, rows, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
if rows:
    env = gymnasium.make_vec(environment, num_envs=rows, vectorization_mode="vector_entry_point")
else:
    env = gymnasium.make(environment)
env.reset(seed=0)
env.action_space.seed(0)
actions = itertools.cycle([env.action_space.sample() for _ in range(32)])

def step():
    _, _, terminated, truncated, _ = env.step(next(actions))
    ended = bool((terminated | truncated).any()) if rows else terminated or truncated
    if ended and not rows:
        env.reset()
    return ended

def run(seconds):
    steps, begin_s, ended = 0, time.process_time(), False
    while time.process_time() - begin_s < seconds or not ended:
        ended = step()
        steps += 1
    return steps * max(rows, 1) / (time.process_time() - begin_s)

run(0.0)
print(json.dumps({"file": edge_llm_gym.__file__, "steps_per_s": run(seconds) if seconds else 0.0}))
"""


@dataclass(frozen=True)
class Checkout:
    """A checkout of the package and the folder of its Numba cache."""

    name: str
    path: Path
    cache: Path

    def execute(self, script: str, *arguments: str, cache: Path | None = None) -> dict[str, Any]:
        """What a script prints as JSON in its last line, run in a new process with arguments, the package imported.

        Its result says under "file" where it found the package. Raises RuntimeError if the process fails.
        """
        variables = os.environ | {
            "PYTHONPATH": str(self.path),
            "NUMBA_CACHE_DIR": str(cache or self.cache),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        command = [sys.executable, "-c", script, *arguments]
        child = subprocess.run(command, env=variables, cwd=self.cache, capture_output=True, text=True, check=False)
        if child.returncode:
            raise RuntimeError(f"measuring {' '.join(arguments)} in {self.path} failed:\n{child.stderr}")
        result: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
        if not Path(result["file"]).is_relative_to(self.path):
            raise RuntimeError(
                f"the package must be imported from {self.path}, got {result['file']}; pass its root folder"
            )
        return result

    def run(self, environment: str, rows: int, seconds: float, cache: Path | None = None) -> float:
        """Environment steps per CPU second of a new process. Raises RuntimeError if the process fails.

        It first plays one episode, then whole episodes for at least `seconds`; for 0 seconds only the first one.
        """
        return float(self.execute(MEASURE, environment, str(rows), str(seconds), cache=cache)["steps_per_s"])

    def steps_per_s(self, environment: str, rows: int, seconds: float) -> float:
        """Environment steps per CPU second with a warm cache."""
        return self.run(environment, rows, seconds)

    def first_run_s(self, environment: str, rows: int) -> float:
        """CPU seconds of a process from an empty Numba cache to the end of the first episode."""
        with tempfile.TemporaryDirectory() as cache:
            before = os.times()
            self.run(environment, rows, 0.0, Path(cache))
            after = os.times()
        return after.children_user - before.children_user + after.children_system - before.children_system


def alternate(
    old: Checkout, new: Checkout, measure: Callable[[Checkout], float], alternations: int
) -> tuple[list[float], list[float]]:
    """Measurements of the old and of the new checkout; the one that is measured first alternates."""
    values: dict[str, list[float]] = {old.name: [], new.name: []}
    for index in range(alternations):
        for checkout in (old, new) if index % 2 == 0 else (new, old):
            values[checkout.name].append(measure(checkout))
    return values[old.name], values[new.name]


def spread(values: Iterable[float]) -> tuple[float, float, float]:
    """Median, minimum and maximum."""
    ordered = sorted(values)
    return statistics.median(ordered), ordered[0], ordered[-1]


def describe(environment: str, rows: int, old: list[float], new: list[float], unit: str) -> str:
    """One line: medians of both checkouts, and the ratio new / old as median [lowest, highest]."""
    median, low, high = spread(after / before for before, after in zip(old, new, strict=True))
    label = f"{rows} rows" if rows else "single"
    return (
        f"{environment:22} {label:8} old {statistics.median(old):12,.1f} new {statistics.median(new):12,.1f} {unit}, "
        f"new/old {median:.3f} [{low:.3f}, {high:.3f}]"
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path, help="root of the old checkout")
    parser.add_argument("new", type=Path, help="root of the new checkout")
    parser.add_argument("--alternations", type=int, default=7, help="measurements of each checkout (default: 7)")
    parser.add_argument("--seconds", type=float, default=2.0, help="minimum duration of a measurement (default: 2)")
    parser.add_argument("--environments", nargs="+", default=ENVIRONMENTS, help="ids (default: all)")
    parser.add_argument("--rows", type=int, nargs="+", help="rows, 0 for single (default: 0 256; first run: 0)")
    parser.add_argument("--first-run", action="store_true", help="measure CPU seconds from an empty cache instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        old, new = (_checkout(name, getattr(options, name), Path(folder)) for name in ("old", "new"))
        for environment in options.environments:
            for rows in options.rows or ((0,) if options.first_run else ROWS):
                print(compare(old, new, environment, rows, options), flush=True)


def _checkout(name: str, path: Path, folder: Path) -> Checkout:
    cache = folder / name
    cache.mkdir()
    return Checkout(name, path.resolve(), cache)


def compare(old: Checkout, new: Checkout, environment: str, rows: int, options: argparse.Namespace) -> str:
    """The line of one environment and number of rows."""
    if options.first_run:
        values = alternate(old, new, lambda checkout: checkout.first_run_s(environment, rows), options.alternations)
        return describe(environment, rows, *values, unit="CPU s")
    for checkout in (old, new):
        checkout.steps_per_s(environment, rows, 0.0)  # fills the cache
    values = alternate(
        old, new, lambda checkout: checkout.steps_per_s(environment, rows, options.seconds), options.alternations
    )
    return describe(environment, rows, *values, unit="steps/CPU s")


if __name__ == "__main__":
    main()
