"""Contract tests run over every registered environment."""

import gymnasium
import pytest

from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.scenario import load_scenario

DYNAMICS = {environment: load_scenario(scenario).dynamics for environment, scenario in ENVIRONMENTS.items()}


@pytest.fixture(params=list(ENVIRONMENTS))
def environment(request) -> str:
    return request.param


def of_dynamics(dynamics: str) -> list[str]:
    """Environments whose scenario has these dynamics; fails if there are none."""
    found = [environment for environment, its in DYNAMICS.items() if its == dynamics]
    assert found
    return found


@pytest.fixture
def env(environment):
    return gymnasium.make(environment)


def make_rows(environment: str, num_envs: int, **settings):
    return gymnasium.make_vec(environment, num_envs=num_envs, vectorization_mode="vector_entry_point", **settings)
