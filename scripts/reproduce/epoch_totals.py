"""Per-epoch totals of episodes: what the streaming simulator accumulates, differenced epoch by epoch."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import gymnasium
import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.compare import Setup
from edge_llm_gym.evaluation.policies import PolicyLike, PolicySource, policy_sources
from edge_llm_gym.evaluation.rollout import run_episode
from edge_llm_gym.evaluation.workers import in_workers
from edge_llm_gym.scenario.metrics import STREAMING_COLUMN
from scripts.reproduce.running import Runner


def record_totals(
    runner: Runner, setup: Setup, policies: Iterable[tuple[str, PolicyLike]], metrics: Sequence[str]
) -> dict[str, Array]:
    """Policy -> [n, H, K]: K metrics of the kind flow in each of H epochs, for each of the runner's n seeds."""
    sources = policy_sources(policies)
    work = [(source, seed) for source in sources for seed in runner.seeds]
    episodes: dict[int, Array] = {}
    with closing(in_workers(partial(_numbered, setup, metrics), list(enumerate(work)), runner.workers)) as results:
        for number, episode in results:
            episodes[number] = episode
            runner.count_episode()
    in_order = np.array([episodes[number] for number in range(len(work))])
    by_policy = in_order.reshape(len(sources), len(runner.seeds), *episodes[0].shape)
    return dict(zip((source.name for source in sources), by_policy, strict=True))


def _numbered(setup: Setup, metrics: Sequence[str], job: tuple[int, tuple[PolicySource, int]]) -> tuple[int, Array]:
    """Number of a job and its episode."""
    number, (source, seed) = job
    return number, _episode(setup, metrics, source, seed)


def _episode(setup: Setup, metrics: Sequence[str], source: PolicySource, seed: int) -> Array:
    """[H, K] of one episode: differences of the simulator's totals before each step and after the last one."""
    env = setup.make()
    totals: list[Array] = []

    def note(env: gymnasium.Env, *_: Any) -> None:
        totals.append(env.unwrapped.simulator.state.totals[0].copy())  # type: ignore[attr-defined]

    run_episode(env, source.make(env, seed), seed, watch=note)
    note(env)
    return np.diff(totals, axis=0)[:, [STREAMING_COLUMN[name] for name in metrics]]
