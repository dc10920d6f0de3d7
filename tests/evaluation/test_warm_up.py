"""Compilation beforehand, and decision times without compilation."""

import time

import gymnasium
import numba
import numpy as np
import pytest
from typer.testing import CliRunner

import edge_llm_gym  # noqa: F401
from edge_llm_gym.cli import app
from edge_llm_gym.compiled.events import compile_count
from edge_llm_gym.evaluation.rollout import run_episode, steps
from edge_llm_gym.evaluation.warm_up import Warmed, warm_up
from edge_llm_gym.experts import make_expert
from edge_llm_gym.scenario import load_scenario

ENVIRONMENT = "EdgeLLM/SingleNode-v0"
pytestmark = [
    pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled"),
    pytest.mark.compiled,
]


class Compiling:
    """Waits, and compiles a function, in each decision."""

    decision = 0.0

    def __init__(self, env):
        self._waiting = make_expert("random", env)

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        begin_s = time.perf_counter()
        numba.njit(lambda numbers: np.sort(numbers) + numbers)(np.ones(3))
        self.compiled_s = time.perf_counter() - begin_s
        return self._waiting.predict(observation)


def test_decision_times_are_without_compilation():
    env = gymnasium.make(ENVIRONMENT, overrides={"horizon_epochs": 2})
    policy = Compiling(env)
    decisions_s = [(step.decision_s, policy.compiled_s) for step in steps(env, policy, seed=0)]
    assert len(decisions_s) == 2
    for decision_s, compiled_s in decisions_s:
        assert 0.0 < decision_s < 0.5 * compiled_s


def test_after_warming_up_nothing_is_compiled():
    scenario = load_scenario("single-node", {"horizon_epochs": 12})
    reports: list[Warmed] = []
    warm_up([(ENVIRONMENT, scenario)], report=reports.append)
    assert [report.environment for report in reports] == [ENVIRONMENT]
    with compile_count() as count:
        env = gymnasium.make(ENVIRONMENT, scenario=scenario)
        for name in ("dftsp", "ot-gah", "edf", "stb"):
            assert run_episode(env, make_expert(name, env), seed=3)["steps"] == 12
    assert count() == 0


def test_the_command_says_what_it_compiled():
    result = CliRunner().invoke(app, ["warmup", ENVIRONMENT])
    assert result.exit_code == 0
    assert f"{ENVIRONMENT}: all functions were compiled already" in result.output
    assert "done: " in result.output


def test_the_command_refuses_unknown_environments():
    result = CliRunner().invoke(app, ["warmup", "EdgeLLM/SingelNode-v0"])
    assert isinstance(result.exception, ValueError)
    assert "did you mean 'EdgeLLM/SingleNode-v0'" in str(result.exception)
