"""Measures speed and memory of environments. Compare numbers within one run only, not across machines."""

import gc
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import gymnasium

REPETITIONS = 5
SAMPLED_ACTIONS = 32
SINGLE = 0
"""Denotes the single environment in a list of row counts."""
VECTOR_ROWS = (SINGLE, 1, 16, 256, 1024)
MEMORY_ROWS = 16
EARLY_STEPS = 10_000


@dataclass(frozen=True)
class Speed:
    """Environment steps per second: median, minimum and maximum over the repetitions."""

    environment: str
    num_envs: int
    steps_per_s: float
    slowest: float
    fastest: float

    @property
    def label(self) -> str:
        """Number of rows, or "single"."""
        return "single" if self.num_envs == SINGLE else str(self.num_envs)


@dataclass(frozen=True)
class Memory:
    """Resident memory early and late in one run, in bytes, and the environment steps at which it was read."""

    num_envs: int
    early_steps: int
    early_bytes: int
    late_steps: int
    late_bytes: int


def measure(environment: str, num_envs: int, seconds: float) -> Speed:
    """Steps per second under uniformly random actions, over whole episodes including resets, excluding sampling.

    `num_envs` 0 measures the single environment of gym.make; other values are rows of the native vector environment.
    """
    gc.collect()  # release the environments measured before
    step = _single_stepper(environment) if num_envs == SINGLE else _vector_stepper(environment, num_envs)
    _run(step, seconds / 4)
    rates = sorted(max(num_envs, 1) * _run(step, seconds) for _ in range(REPETITIONS))
    return Speed(environment, num_envs, statistics.median(rates), rates[0], rates[-1])


def memory_growth(environment: str, late_steps: int) -> Memory:
    """Resident memory after 10,000 environment steps and after `late_steps`."""
    gc.collect()
    step = _vector_stepper(environment, MEMORY_ROWS)
    for _ in range(EARLY_STEPS // MEMORY_ROWS):
        step()
    early = resident_bytes()
    for _ in range((late_steps - EARLY_STEPS) // MEMORY_ROWS):
        step()
    return Memory(MEMORY_ROWS, EARLY_STEPS, early, late_steps, resident_bytes())


def resident_bytes() -> int:
    """Current resident memory of this process in bytes; on systems without /proc, the peak so far."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text("ascii").split()[1]) * os.sysconf("SC_PAGESIZE")
    import resource  # not available on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _run(step: Callable[[], bool], seconds: float) -> float:
    """Calls per second of `step`, which returns whether an episode ended; stops at the first end after `seconds`."""
    calls, begin_s, passed_s, ended = 0, time.perf_counter(), 0.0, False
    while passed_s < seconds or not ended:
        ended = step()
        calls += 1
        passed_s = time.perf_counter() - begin_s
    return calls / passed_s


def _actions(space: gymnasium.Space, seed: int) -> Iterator[Any]:
    space.seed(seed)
    return cycle([space.sample() for _ in range(SAMPLED_ACTIONS)])


def _single_stepper(environment: str) -> Callable[[], bool]:
    env = gymnasium.make(environment)
    env.reset(seed=0)
    actions = _actions(env.action_space, 0)

    def step() -> bool:
        _, _, terminated, truncated, _ = env.step(next(actions))
        ended = terminated or truncated
        if ended:
            env.reset()
        return ended

    return step


def _vector_stepper(environment: str, num_envs: int) -> Callable[[], bool]:
    envs = gymnasium.make_vec(environment, num_envs=num_envs, vectorization_mode="vector_entry_point")
    envs.reset(seed=0)
    actions = _actions(envs.action_space, 0)

    def step() -> bool:
        _, _, terminated, truncated, _ = envs.step(next(actions))
        return bool((terminated | truncated).any())

    return step
