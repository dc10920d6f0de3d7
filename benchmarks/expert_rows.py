"""Time of experts per decision: one call for many rows against one call for each row, in the same process.

    python -m benchmarks.expert_rows
    python -m benchmarks.expert_rows --environments MultiNode --experts ot-gah --rows 256 --threads 2

The rows are those of a native vector environment after some epochs under random actions, which leave most requests in
the queue. Times are CPU times, which other work on the machine blurs less than wall times; medians of repetitions that
take turns. "schedule" is the part of the call for all rows that the scheduler itself takes, without observations and
actions: on one core, no way of calling it is faster. "threads" is the wall time of the call in `--threads` threads, for
a machine without other work.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np

import edge_llm_gym  # noqa: F401, registers the environments
from edge_llm_gym.experts import make_expert
from edge_llm_gym.experts.batch_expert import BatchExpert
from edge_llm_gym.rows import split_rows
from edge_llm_gym.scenario import scenario_of

EXPERTS: Mapping[str, tuple[str, ...]] = {
    "SingleNode": ("edf", "stb", "dftsp", "ot-gah"),
    "MultiNode": ("edf", "stb", "dftsp", "ot-gah", "ot-gah[improve=False]"),
    "Continuous": ("edf", "ot-gah"),
    "Joint": ("edf", "ot-gah", "ot-gah+dto-ee"),
    "EarlyExit": ("dto-ee",),
}
"""Environment -> experts."""
JOIN_PROBABILITY = 0.2
"""Of a request in the random epochs before the measurement."""


@dataclass
class Times:
    """CPU ms per decision of each repetition."""

    single: list[float] = field(default_factory=list)
    rows: list[float] = field(default_factory=list)
    schedule: list[float] = field(default_factory=list)
    threads: list[float] = field(default_factory=list)  # wall time

    def line(self, environment: str, expert: str) -> str:
        """A line of the table: medians, and the ratio of single calls to one call."""
        single, rows = statistics.median(self.single), statistics.median(self.rows)
        schedule, threads = (f"{statistics.median(all_):.3f}" if all_ else "" for all_ in (self.schedule, self.threads))
        return (
            f"| {environment} | {expert} | {single:.3f} | {rows:.3f} | {single / rows:.1f} | {schedule} | {threads} |"
        )


def observed(environment: str, rows: int, epochs: int) -> tuple[Any, dict[str, Any]]:
    """The scenario, and the observations of all rows after some epochs under random actions."""
    envs = gymnasium.make_vec(f"EdgeLLM/{environment}-v0", num_envs=rows, vectorization_mode="vector_entry_point")
    observation, _ = envs.reset(seed=1)
    envs.action_space.seed(1)
    rng = np.random.default_rng(1)
    for _ in range(epochs):
        action = envs.action_space.sample()
        if "batch" in action:
            action["batch"] *= rng.random(action["batch"].shape) < JOIN_PROBABILITY
        observation, *_ = envs.step(action)
    return scenario_of(envs), {key: np.array(value) for key, value in observation.items()}


def cpu_ms(call: Callable[[], Any], decisions: int, clock_s: Callable[[], float] = time.process_time) -> float:
    """CPU ms of a call per decision, or ms of another clock."""
    begin_s = clock_s()
    call()
    return 1e3 * (clock_s() - begin_s) / decisions


def made(expert: str, scenario: Any, **settings: Any) -> Any:
    """An expert without its improvement for "NAME[improve=False]"."""
    name, bracket, _ = expert.partition("[")
    return make_expert(name, scenario, **settings, **({"improve": False} if bracket else {}))


def measured(scenario: Any, observation: Mapping[str, Any], expert: str, repetitions: int, threads: int) -> Times:
    """Times of the first decision of every row; a call before loads or compiles the kernels."""
    policy, singles, times = made(expert, scenario), split_rows(observation), Times()
    policy.predict(singles[0])
    split = made(expert, scenario, num_threads=threads) if threads > 1 and expert != "dto-ee" else None
    for _ in range(repetitions):
        times.rows.append(cpu_ms(lambda: policy.predict(observation), len(singles)))
        times.single.append(cpu_ms(lambda: [policy.predict(one) for one in singles], len(singles)))
        if isinstance(policy, BatchExpert):
            epochs = policy._reader.epochs(policy._reader.read_rows(observation))
            times.schedule.append(cpu_ms(lambda: policy._assign(epochs), len(singles)))  # noqa: B023
        if split is not None:
            times.threads.append(cpu_ms(lambda: split.predict(observation), len(singles), time.perf_counter))
    return times


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", nargs="+", choices=EXPERTS, default=list(EXPERTS))
    parser.add_argument("--experts", nargs="+")
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=8, help="random epochs before the measurement")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="also time calls in threads; not of dto-ee alone")
    chosen = parser.parse_args()
    print("| environment | expert | ms per single call | ms per row of one call | ratio | schedule | threads |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for environment in chosen.environments:
        scenario, observation = observed(environment, chosen.rows, chosen.epochs)
        for expert in chosen.experts or EXPERTS[environment]:
            times = measured(scenario, observation, expert, chosen.repetitions, chosen.threads)
            print(times.line(environment, expert), flush=True)


if __name__ == "__main__":
    main()
