"""The problems that a study's epochs pose, and which of their requests anybody could serve."""

from collections.abc import Iterable
from typing import Any

import gymnasium
import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.batching import BatchingReader
from edge_llm_gym.evaluation.policies import PolicySource
from edge_llm_gym.evaluation.reproduce.batching import BatchingStudy
from edge_llm_gym.evaluation.reproduce.studies import RATE
from edge_llm_gym.evaluation.rollout import run_episode
from edge_llm_gym.problems import AssignmentProblem, BatchProblem
from edge_llm_gym.problems.batch import RELATIVE_TOLERANCE
from edge_llm_gym.scenario import scenario_of


def epoch_problems(study: BatchingStudy, rate_per_s: float, seed: int) -> list[AssignmentProblem]:
    """Problems of every `study.keep_every`-th epoch of an episode under the study's scheduler, hopeless ones not."""
    env = gymnasium.make(study.environment, **study.settings({RATE: rate_per_s}))
    reader = BatchingReader(scenario_of(env))
    observations: list[Any] = []
    scheduler = PolicySource(study.scheduler, dict(study.policies)[study.scheduler])
    run_episode(env, scheduler.make(env, seed), seed, watch=lambda _, seen, action: observations.append(seen))
    return _hopeful(reader.read(seen).problem for seen in observations[:: study.keep_every])


def _hopeful(problems: Iterable[AssignmentProblem]) -> list[AssignmentProblem]:
    """Those with a request that somebody could serve."""
    return [problem for problem in problems if any(servable(node).any() for node in problem.nodes)]


def servable(node: BatchProblem) -> Array:
    """[N] bool, whether the node could serve the request alone: no search has to look at the others."""
    limits = (
        (node.time_s + node.shared_time_s, np.minimum(node.budget_s, node.time_cap_s)),
        (node.kv_bytes, node.memory_bytes),
        (node.uplink_share, 1.0),
        (node.downlink_share, 1.0),
    )
    return np.logical_and.reduce([used <= limit * (1.0 + RELATIVE_TOLERANCE) for used, limit in limits])
