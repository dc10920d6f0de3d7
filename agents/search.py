"""Cross-entropy search for a linear policy (Rubinstein & Kroese 2004), on the native rows.

A generation draws parameters from independent normals, plays every draw on the same tapes, and moves the normals toward
the best. A generation has tapes of its own, so that none of them is learned by heart. The mean that it comes to is
played on tapes that are held out, the same for every generation; nothing is chosen by that score.
"""

from collections.abc import Callable

import gymnasium
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from agents.linear import LinearPolicy, make_linear
from edge_llm_gym.arrays import Array
from edge_llm_gym.env.vector_env import EdgeLLMVectorEnv


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


HELD_OUT = 2_500_000
"""Seed of the first held-out tape."""
Tell = Callable[[int, float, float, float], None]
"""(generation, mean score of the draws, score of the best, score of the new mean on held-out tapes)."""


def search(config: SearchConfig, tell: Tell = lambda *what: None) -> LinearPolicy:
    """The policy at the mean of the last generation's normals."""
    envs = gymnasium.make_vec(config.environment, num_envs=config.rows, vectorization_mode="vector_entry_point")
    assert isinstance(envs, EdgeLLMVectorEnv)
    rng, policy = np.random.default_rng(config.seed), make_linear(envs.scenario)
    mean = np.zeros(policy.parameters.size)
    spread = np.full(mean.size, config.spread)
    for generation in range(config.generations):
        draws = mean + spread * rng.standard_normal((config.population, mean.size))
        tapes = config.first_seed + (config.seed * config.generations + generation) * config.rows
        scores = np.array([play(envs, policy.with_parameters(draw), tapes).mean() for draw in draws])
        best = draws[np.argsort(-scores)[: config.elite]]
        mean = 0.3 * mean + 0.7 * best.mean(axis=0)
        spread = 0.5 * spread + 0.5 * (best.std(axis=0) + config.least_spread)
        held_out = score(envs, policy.with_parameters(mean), config.held_out)
        tell(generation, float(scores.mean()), float(scores.max()), held_out)
    envs.close()
    return policy.with_parameters(mean)


def score(envs: EdgeLLMVectorEnv, policy: LinearPolicy, tapes: int) -> float:
    """Mean return on the first so many held-out tapes."""
    firsts = range(HELD_OUT, HELD_OUT + tapes, envs.num_envs)
    return float(np.concatenate([play(envs, policy, first) for first in firsts])[:tapes].mean())


def play(envs: EdgeLLMVectorEnv, policy: LinearPolicy, seed: int) -> Array:
    """[R] return of an episode of every row, the tapes being those of seed, seed + 1, ..."""
    observation, _ = envs.reset(seed=seed)
    total = np.zeros(envs.num_envs)
    for _ in range(envs.scenario.horizon_epochs):
        observation, reward, *_ = envs.step(policy.predict(observation)[0])
        total += reward
    return total
