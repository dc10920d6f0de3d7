"""Cross-entropy search for a linear policy (Rubinstein & Kroese 2004), on native rows.

Each generation draws parameters from independent normal distributions, evaluates every draw on the same tapes, and
moves the distributions toward the best draws. Each generation has tapes of its own, so that the search does not overfit
to some. The mean of the distributions is then evaluated on held-out tapes, the same for every generation; nothing is
chosen by that score.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final

import gymnasium
import numpy as np
from pydantic import Field, field_validator, model_validator

from edge_llm_gym.arrays import Array
from edge_llm_gym.env.vector_env import EdgeLLMVectorEnv
from edge_llm_gym.evaluation.vector_rollout import steps_of
from edge_llm_gym.evaluation.workers import Jobs, in_workers, workers_of
from edge_llm_gym.linear import LinearPolicy, make_linear
from edge_llm_gym.linear.assignment import SEARCHES
from edge_llm_gym.messages import quoted
from edge_llm_gym.names import known_name
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.sb3.description import Section
from edge_llm_gym.settings import ConfigError, SettingsReader
from edge_llm_gym.yaml_text import is_file

HELD_OUT: Final = 2_500_000
"""Seed of the first held-out tape."""
MAX_SEED: Final = 2**31 - 1
MEAN_INERTIA: Final = 0.3
"""Share of the last mean in the next one; the rest is the elite's mean."""
SPREAD_INERTIA: Final = 0.5
"""Share of the last spread in the next one; the rest is the elite's spread."""


class SearchConfig(Section):
    """Settings of a search: `rows` tapes a generation, from `first_seed` on, and `held_out` ones from HELD_OUT on."""

    environment: str = "EdgeLLM/EarlyExit-v0"
    search: str = "exact"  # for a node's batch: exact or quick, see LinearPolicy
    generations: int = Field(15, ge=1)
    population: int = Field(40, ge=4)
    elite: int = Field(8, ge=2)
    rows: int = Field(32, ge=1)
    spread: float = Field(0.25, gt=0)
    least_spread: float = Field(0.01, ge=0)
    seed: int = Field(0, ge=0, le=MAX_SEED)
    first_seed: int = Field(60_000, ge=0, le=MAX_SEED)
    held_out: int = Field(32, ge=1)

    @field_validator("environment")
    @classmethod
    def _is_known(cls, value: str) -> str:
        return known_name("environment", value, ENVIRONMENTS)

    @field_validator("search")
    @classmethod
    def _is_a_search(cls, value: str) -> str:
        return known_name("search", value, SEARCHES)

    @model_validator(mode="after")
    def _is_consistent(self) -> "SearchConfig":
        if self.elite > self.population:
            raise ValueError(f"elite: takes at most the population, {self.population}, got {self.elite}")
        first, last = self.first_tape(0), self.first_tape(self.generations) - 1
        if first < HELD_OUT + self.held_out and last >= HELD_OUT:
            raise ValueError(
                f"seed and first_seed: the search uses tapes {first} to {last}, and scores policies on the held-out "
                f"tapes {HELD_OUT} to {HELD_OUT + self.held_out - 1}; choose them without a common tape"
            )
        return self

    def first_tape(self, generation: int) -> int:
        """Seed of the first tape of a generation."""
        return self.first_seed + (self.seed * self.generations + generation) * self.rows


READER: Final = SettingsReader("configuration", SearchConfig, ConfigError)


def read_search_config(settings: Mapping[str, Any], source: str | Path | None = None) -> SearchConfig:
    """The settings of a search: those in a YAML file, if one is given, changed by `settings`.

    Raises ConfigError for a file that cannot be read and for every broken rule.
    """
    if source is None:
        return READER.validate("of the search", settings)
    if not is_file(source):
        raise ConfigError(f"there is no configuration file {quoted(str(source))}; recipes are configs/agents/search-*")
    return READER.validate(str(source), READER.read(source), settings)


@dataclass(frozen=True)
class SearchState:
    """A search after `generation` generations: everything that the next one depends on."""

    generation: int
    mean: Array
    """[P] of the distributions of the parameters."""
    spread: Array
    """[P] standard deviations."""
    generator: Mapping[str, Any]
    """State of the generator of the draws."""
    curve: tuple[tuple[float, float, float], ...]
    """By generation: mean score of the draws, score of the best, score of the new mean on held-out tapes."""


class Search:
    """The search of a configuration, one generation at a time. Raises ValueError for dynamics without linear policy."""

    def __init__(self, config: SearchConfig, jobs: Jobs = 1) -> None:
        """`jobs` are as for `compare`; what the search finds does not depend on them."""
        envs = _make(config.environment, config.rows)
        self.config, self._envs = config, envs
        self._policy = make_linear(envs.scenario, search=config.search)
        self._workers = workers_of(jobs)

    def begin(self) -> SearchState:
        """The state before the first generation: at zero parameters."""
        size = self._policy.parameters.size
        generator = np.random.default_rng(self.config.seed).bit_generator.state
        return SearchState(0, np.zeros(size), np.full(size, self.config.spread), generator, ())

    def advance(self, state: SearchState) -> SearchState:
        """The state after the next generation."""
        config, rng = self.config, np.random.default_rng()
        rng.bit_generator.state = dict(state.generator)
        draws = state.mean + state.spread * rng.standard_normal((config.population, state.mean.size))
        scores = self._scores(draws, config.first_tape(state.generation))
        elite = draws[np.argsort(-scores)[: config.elite]]
        mean = MEAN_INERTIA * state.mean + (1.0 - MEAN_INERTIA) * elite.mean(axis=0)
        elite_spread = elite.std(axis=0) + config.least_spread
        spread = SPREAD_INERTIA * state.spread + (1.0 - SPREAD_INERTIA) * elite_spread
        held_out = held_out_score(self._envs, self._with(mean), config.held_out)
        figures = (float(scores.mean()), float(scores.max()), held_out)
        return SearchState(state.generation + 1, mean, spread, rng.bit_generator.state, (*state.curve, figures))

    def _scores(self, draws: Array, first_tape: int) -> Array:
        """[n] mean return of each draw [n, P] on the tapes from `first_tape` on."""
        if self._workers.in_this_process:
            return np.array([episode_returns(self._envs, self._with(draw), first_tape).mean() for draw in draws])
        score = partial(_score, self.config, first_tape)
        with closing(in_workers(score, list(enumerate(draws)), self._workers)) as results:
            found = dict(results)
        return np.array([found[index] for index in range(len(draws))])

    def policy(self, state: SearchState) -> LinearPolicy:
        """The policy at the mean of the distributions."""
        return self._with(state.mean)

    def check(self, state: SearchState) -> None:
        """Raises ValueError, KeyError or TypeError for a state that the search cannot continue from."""
        self._with(state.mean), self._with(state.spread)
        np.random.default_rng().bit_generator.state = dict(state.generator)
        if len(state.curve) != state.generation:
            raise ValueError(f"a curve of {len(state.curve)} generations in the state after {state.generation}")

    def close(self) -> None:
        """Closes the environment."""
        self._envs.close()

    def _with(self, parameters: Array) -> LinearPolicy:
        return self._policy.with_parameters(parameters)


def _score(config: SearchConfig, first_tape: int, draw: tuple[int, Array]) -> tuple[int, float]:
    """Index and mean return of a draw, on a worker."""
    index, parameters = draw
    envs = _kept_on_worker(config.environment, config.rows)
    policy = make_linear(envs.scenario, parameters, search=config.search)
    return index, float(episode_returns(envs, policy, first_tape).mean())


def _make(environment: str, rows: int) -> EdgeLLMVectorEnv:
    envs = gymnasium.make_vec(environment, num_envs=rows, vectorization_mode="vector_entry_point")
    assert isinstance(envs, EdgeLLMVectorEnv)
    return envs


_kept_on_worker = lru_cache(maxsize=1)(_make)


Report = Callable[[int, float, float, float], None]
"""(generation, mean score of the draws, score of the best, score of the new mean on held-out tapes)."""


def search(config: SearchConfig, report: Report = lambda *figures: None, *, jobs: Jobs = 1) -> LinearPolicy:
    """The policy at the mean of the last generation's distributions. `jobs` are as for `compare`."""
    run = Search(config, jobs)
    state = run.begin()
    while state.generation < config.generations:
        state = run.advance(state)
        report(state.generation - 1, *state.curve[-1])
    run.close()
    return run.policy(state)


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
