"""Contract tests run over every registered environment."""

import gymnasium
import pytest

from edge_llm_gym.registration import ENVIRONMENTS


@pytest.fixture(params=list(ENVIRONMENTS))
def environment(request) -> str:
    return request.param


@pytest.fixture
def env(environment):
    return gymnasium.make(environment)


def make_rows(environment: str, num_envs: int, **settings):
    return gymnasium.make_vec(environment, num_envs=num_envs, vectorization_mode="vector_entry_point", **settings)
