"""CPU time of the stages of a reset, in us per row, of the single environment and of native rows.

    python -m benchmarks.reset_stages
    python -m benchmarks.reset_stages --environments MultiNode --rows 1 256 --resets 30

Functions of each stage are replaced by ones that add up the CPU time of their thread, less that of other stages inside;
this adds about 1 us per call. An episode is stepped before each measured reset of the single environment, which leaves
the caches of the processor as in use; native rows are reset all at once. Medians over resets.
"""

import argparse
import functools
import importlib
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Final

import gymnasium
import numpy as np

import edge_llm_gym  # noqa: F401, registers the environments

ENVIRONMENTS: Final = ("SingleNode", "MultiNode", "Continuous", "EarlyExit", "Joint")
STAGES: Final[Mapping[str, str]] = {
    "workload.arrivals:ModulatedPoisson.draw": "arrivals",
    "workload.arrivals:DayCycle.draw": "arrivals",
    "workload.lengths:QuantileTable.draw": "lengths",
    "workload.lengths:LengthLimits.clip": "lengths",
    "models.channel:faded_efficiency_paths": "fading and spectral efficiency",
    "sim.tape:ChannelGenerator.write": "positions, shadowing, path loss",
    "sim.tape:RequestGenerator.write": "requests",
    "sim.tape:RequestGenerator._predicted": "predictions of lengths",
    "sim.tape:ExitGenerator.write": "exits",
    "sim.pooled.tape:PooledTapeGenerator._write_rest": "costs and latest starts",
    "sim.streaming.tape:StreamingTapeGenerator._write_rest": "costs and latest starts",
    "sim.pooled.dynamics:PooledDynamics.begin": "state at the first decision",
    "sim.pooled.continuous.dynamics:ContinuousDynamics.begin": "state at the first decision",
    "sim.streaming.dynamics:StreamingDynamics.begin": "state at the first decision",
    "env.env:reset_info": "info",
    "env.env:row_of": "info",
    "env.episode_rows:reset_info": "info",
    "env.env:EdgeLLMEnv._observe": "observation",
    "env.episode_rows:EpisodeRows.observe": "observation",
}
"""Function, below `edge_llm_gym` -> stage; the rest of a reset is "other"."""
Times = dict[str, float]


class Stages:
    """CPU seconds of the stages since the last `clear`."""

    def __init__(self) -> None:
        self.seconds: Times = defaultdict(float)
        self._inner: list[float] = [0.0]
        for name, stage in STAGES.items():
            self._watch(name, stage)

    def _watch(self, name: str, stage: str) -> None:
        module, _, path = name.partition(":")
        *owners, attribute = path.split(".")
        owner = functools.reduce(getattr, owners, importlib.import_module(f"edge_llm_gym.{module}"))
        setattr(owner, attribute, self._timed(getattr(owner, attribute), stage))

    def _timed(self, function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*arguments: Any, **named: Any) -> Any:
            self._inner.append(0.0)
            begin_s = time.thread_time()
            try:
                return function(*arguments, **named)
            finally:
                spent_s = time.thread_time() - begin_s
                self.seconds[stage] += spent_s - self._inner.pop()
                self._inner[-1] += spent_s

        return timed

    def of(self, work: Callable[[], Any]) -> Times:
        """Seconds of each stage, of "other" and of "all" that some work takes."""
        self.seconds.clear()
        self._inner[:] = [0.0]
        begin_s = time.thread_time()
        work()
        spent_s = time.thread_time() - begin_s
        return {**self.seconds, "other": spent_s - self._inner[0], "all": spent_s}


def measure(stages: Stages, environment: str, rows: int, resets: int) -> Times:
    """Median us per row of each stage."""
    name, single = f"EdgeLLM/{environment}-v0", rows == 1
    env: Any = gymnasium.make(name).unwrapped if single else gymnasium.make_vec(name, rows, "vector_entry_point")
    env.reset(seed=0)
    env.action_space.seed(0)
    action, found = env.action_space.sample(), []
    for _ in range(resets):
        for _ in range(env.scenario.horizon_epochs if single else 0):
            env.step(action)
        found.append(stages.of(env.reset))
    names = dict.fromkeys(name for times in found for name in times)
    return {name: 1e6 / rows * statistics.median(times.get(name, 0.0) for times in found) for name in names}


def table(by_environment: Mapping[str, Times]) -> list[str]:
    """Markdown lines: a row for each stage, a column for each environment."""
    names = dict.fromkeys([*STAGES.values(), "other", "all"])
    lines = [f"| CPU us per row | {' | '.join(by_environment)} |", "|---|" + "---:|" * len(by_environment)]
    for name in names:
        cells = (times.get(name, np.nan) for times in by_environment.values())
        lines.append(f"| {name} | {' | '.join('' if np.isnan(cell) else f'{cell:.0f}' for cell in cells)} |")
    return lines


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", nargs="+", default=ENVIRONMENTS, help=f"of {', '.join(ENVIRONMENTS)}")
    parser.add_argument("--rows", type=int, nargs="+", default=(1, 256), help="1 for the single environment")
    parser.add_argument("--resets", type=int, default=30, help="measured resets of the single environment")
    options = parser.parse_args()
    stages = Stages()
    for rows in options.rows:
        resets = options.resets if rows == 1 else max(3, options.resets // 8)
        found = {each: measure(stages, each, rows, resets) for each in options.environments}
        print("\n".join([f"\n{rows} rows\n" if rows > 1 else "\nsingle\n", *table(found)]), flush=True)


if __name__ == "__main__":
    main()
