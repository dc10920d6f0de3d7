"""Cross-entropy search for a linear policy (Rubinstein & Kroese 2004), on native rows.

Each generation draws parameters from independent normal distributions, evaluates every draw on the same tapes, and
moves the distributions toward the best draws. Each generation has tapes of its own, so that the search does not overfit
to some. The mean of the distributions is then evaluated on held-out tapes, the same for every generation; nothing is
chosen by that score.
"""

from collections.abc import Callable
from typing import Final

import gymnasium
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from edge_llm_gym.arrays import Array
from edge_llm_gym.env.vector_env import EdgeLLMVectorEnv
from edge_llm_gym.evaluation.vector_rollout import steps_of
from edge_llm_gym.linear import LinearPolicy, make_linear

HELD_OUT: Final = 2_500_000
"""Seed of the first held-out tape."""
MEAN_INERTIA: Final = 0.3
"""Share of the last mean in the next one; the rest is the elite's mean."""
SPREAD_INERTIA: Final = 0.5
"""Share of the last spread in the next one; the rest is the elite's spread."""


class SearchConfig(BaseModel):
    """Settings of a search: `rows` tapes a generation, from `first_seed` on, and `held_out` ones from HELD_OUT on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: str = "EdgeLLM/EarlyExit-v0"
    generations: int = Field(15, ge=1)
    population: int = Field(40, ge=4)
    elite: int = Field(8, ge=2)
    rows: int = Field(32, ge=1)
    spread: float = Field(0.25, gt=0)
    least_spread: float = Field(0.01, ge=0)
    seed: int = Field(0, ge=0)
    first_seed: int = Field(60_000, ge=0)
    held_out: int = Field(32, ge=1)


Report = Callable[[int, float, float, float], None]
"""(generation, mean score of the draws, score of the best, score of the new mean on held-out tapes)."""


def search(config: SearchConfig, report: Report = lambda *figures: None) -> LinearPolicy:
    """The policy at the mean of the last generation's distributions."""
    envs = gymnasium.make_vec(config.environment, num_envs=config.rows, vectorization_mode="vector_entry_point")
    assert isinstance(envs, EdgeLLMVectorEnv)
    rng, policy = np.random.default_rng(config.seed), make_linear(envs.scenario)
    mean = np.zeros(policy.parameters.size)
    spread = np.full(mean.size, config.spread)
    for generation in range(config.generations):
        draws = mean + spread * rng.standard_normal((config.population, mean.size))
        first_tape = config.first_seed + (config.seed * config.generations + generation) * config.rows
        scores = np.array([episode_returns(envs, policy.with_parameters(draw), first_tape).mean() for draw in draws])
        elite = draws[np.argsort(-scores)[: config.elite]]
        mean = MEAN_INERTIA * mean + (1.0 - MEAN_INERTIA) * elite.mean(axis=0)
        elite_spread = elite.std(axis=0) + config.least_spread
        spread = SPREAD_INERTIA * spread + (1.0 - SPREAD_INERTIA) * elite_spread
        held_out = held_out_score(envs, policy.with_parameters(mean), config.held_out)
        report(generation, float(scores.mean()), float(scores.max()), held_out)
    envs.close()
    return policy.with_parameters(mean)


def held_out_score(envs: EdgeLLMVectorEnv, policy: LinearPolicy, tapes: int) -> float:
    """Mean return on the first `tapes` held-out tapes."""
    firsts = range(HELD_OUT, HELD_OUT + tapes, envs.num_envs)
    return float(np.concatenate([episode_returns(envs, policy, first) for first in firsts])[:tapes].mean())


def episode_returns(envs: EdgeLLMVectorEnv, policy: LinearPolicy, seed: int) -> Array:
    """[R] return of one episode of every row, on the tapes of seed, seed + 1, ..."""
    returns = np.zeros(envs.num_envs)
    for step in steps_of(envs, policy, seed):
        returns += step.reward
    return returns
