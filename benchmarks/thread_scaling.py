"""Env-steps per second of native rows against the number of threads, with and without the resets of the rows.

    python -m benchmarks.thread_scaling --threads 1,2,4,8,16
    python -m benchmarks.thread_scaling --environments MultiNode Joint --rows 1024 --episodes 3

All rows end their episodes in the same step, in which they are reset (autoreset mode SAME_STEP). "with resets" counts
whole episodes, "steps" all steps of an episode but the last, and "reset" is the time by which the last step exceeds the
others, per row: new tapes, and the last observations of the ended episodes. Times are wall times; the numbers of
threads take turns, episode by episode, and the fastest episode of each counts, so that other work on the machine
matters little. Before that, each environment plays one episode, which compiles or loads its kernels.
"""

import argparse
import itertools
import os
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import gymnasium

import edge_llm_gym  # noqa: F401, registers the environments

ENVIRONMENTS: Final = ("SingleNode", "MultiNode", "Continuous", "EarlyExit", "Joint")
ACTIONS: Final = 16
"""Random actions that the episodes go through in turn."""
Actions = Iterator[dict[str, Any]]


@dataclass(frozen=True)
class EpisodeTimes:
    """Wall times of one episode of all rows: of its steps but the last one, and of the last one."""

    rows: int
    steps: int
    steps_s: float
    last_s: float

    @property
    def with_resets(self) -> float:
        """Env-steps per second of the whole episode."""
        return self.rows * (self.steps + 1) / (self.steps_s + self.last_s)

    @property
    def without_resets(self) -> float:
        """Env-steps per second of the steps but the last one."""
        return self.rows * self.steps / self.steps_s

    @property
    def reset_us(self) -> float:
        """Time of the reset of one row in us."""
        return 1e6 * (self.last_s - self.steps_s / self.steps) / self.rows


@dataclass(frozen=True)
class Best:
    """The best of several episodes by each measure."""

    with_resets: float
    without_resets: float
    reset_us: float


def made(environment: str, rows: int, threads: int) -> tuple[Any, Actions]:
    """A native vector environment after its first reset, and its actions."""
    envs = gymnasium.make_vec(
        f"EdgeLLM/{environment}-v0", num_envs=rows, vectorization_mode="vector_entry_point", num_threads=threads
    )
    envs.reset(seed=0)
    envs.action_space.seed(0)
    return envs, itertools.cycle([envs.action_space.sample() for _ in range(ACTIONS)])


def episode(envs: Any, actions: Actions) -> EpisodeTimes:
    """Plays one episode of all rows, which stand at its beginning, to the reset of the next one."""
    seconds: list[float] = []
    ended = False
    while not ended:
        action, begin_s = next(actions), time.perf_counter()
        truncated = envs.step(action)[3]
        seconds.append(time.perf_counter() - begin_s)
        ended = bool(truncated.all())
    *others, last_s = seconds
    return EpisodeTimes(envs.num_envs, len(others), sum(others), last_s)


def measure(environment: str, rows: int, threads: Sequence[int], episodes: int) -> list[Best]:
    """The best episodes of each number of threads."""
    several = [made(environment, rows, count) for count in threads]
    for envs, actions in several:
        episode(envs, actions)
    times: list[list[EpisodeTimes]] = [[] for _ in threads]
    for _ in range(episodes):
        for (envs, actions), found in zip(several, times, strict=True):
            found.append(episode(envs, actions))
    return [_best(found) for found in times]


def _best(times: Sequence[EpisodeTimes]) -> Best:
    return Best(
        max(each.with_resets for each in times),
        max(each.without_resets for each in times),
        min(each.reset_us for each in times),
    )


def table(threads: Sequence[int], best: Sequence[Best]) -> Iterator[str]:
    """Markdown lines: each measure, and its ratio to that of the first number of threads."""
    yield "| threads | steps/s with resets | ratio | steps/s without | ratio | us per reset of a row | ratio |"
    yield "|" + "---:|" * 7
    first = best[0]
    for count, each in zip(threads, best, strict=True):
        yield (
            f"| {count} | {each.with_resets:,.0f} | {each.with_resets / first.with_resets:.2f} "
            f"| {each.without_resets:,.0f} | {each.without_resets / first.without_resets:.2f} "
            f"| {each.reset_us:,.0f} | {first.reset_us / each.reset_us:.2f} |"
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", default="1,2", help="numbers of threads, the first one to compare with")
    parser.add_argument("--rows", type=int, default=256, help="rows of the vector environment (default: 256)")
    parser.add_argument("--episodes", type=int, default=4, help="measured episodes of each (default: 4)")
    parser.add_argument("--environments", nargs="+", default=ENVIRONMENTS, help=f"of {', '.join(ENVIRONMENTS)}")
    return parser.parse_args()


def main() -> None:
    """Command line."""
    options = _options()
    threads = [int(count) for count in options.threads.split(",")]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"{cores} cores ({platform.processor() or platform.machine()}), {options.rows} rows, best of", end=" ")
    print(f"{options.episodes} episodes", flush=True)
    for environment in options.environments:
        best = measure(environment, options.rows, threads, options.episodes)
        print("\n".join([f"\n{environment}\n", *table(threads, best)]), flush=True)


if __name__ == "__main__":
    main()
