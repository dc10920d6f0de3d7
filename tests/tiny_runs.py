"""Fixtures of tiny runs for tests of training: few slots, short episodes, small networks."""

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("stable_baselines3", reason="the agents need the extra 'agents'")
pytest.importorskip("sb3_contrib", reason="the agents need the extra 'agents'")

from agents.config import RunConfig, read_config
from agents.training import make_env
from edge_llm_gym.sb3 import NativeVecEnv

ENVIRONMENT = {"id": "EdgeLLM/MultiNode-v0", "overrides": {"slots": 6, "horizon_epochs": 10}, "reward_scale": 0.1}
TINY: dict[str, Any] = {
    "environment": ENVIRONMENT,
    "codec": {"name": "priority"},
    "policy": {"width": 8},
    "hyperparameters": {"n_steps": 4, "batch_size": 12, "n_epochs": 2},
    "rows": 3,
    "steps": 36,
    "evaluation": {"every": 24, "seeds": 2, "expert": "edf"},
    "checkpoint_every": 24,
}


@pytest.fixture
def tiny() -> Callable[..., RunConfig]:
    """A tiny configuration; keyword arguments replace its sections."""
    return lambda **sections: read_config(TINY | sections)


@pytest.fixture
def tiny_env(tiny: Callable[..., RunConfig]) -> NativeVecEnv:
    """Its environment."""
    return make_env(tiny())
