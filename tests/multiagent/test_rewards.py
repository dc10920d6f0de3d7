"""Local rewards: what requests add to the metrics, how it is divided, and that it adds up."""

import numpy as np
import pytest

pytest.importorskip("pettingzoo", reason="needs the extra 'multiagent'")

from edge_llm_gym.multiagent import SplitPolicy, parallel_env
from edge_llm_gym.multiagent.agents import agents_of
from edge_llm_gym.multiagent.rewards import FINAL, REQUEST_METRICS, Answered
from tests.multiagent.conftest import EXPERTS

CASES = {
    **{name: (name, expert, {}) for name, expert in EXPERTS.items()},
    "predicted": ("EdgeLLM/Joint-v0", "edf+dto-ee", {"lengths.prediction.sigma": 1.5, "arrivals.rate_per_s": 6.0}),
}
EPOCHS = 14


def final_requests(env) -> set[int]:
    return set(np.flatnonzero(np.isin(env.env.simulator.state.requests.outcome[0], FINAL)).tolist())


@pytest.mark.parametrize("case", CASES)
def test_requests_account_for_the_metrics_and_agents_for_the_reward(case):
    environment, expert, overrides = CASES[case]
    terms = {"served_value": 1.0, "delay_s": -0.1, "late": -0.5, "energy_j": -1e-4, "quality": 2.0}
    settings = {"horizon_epochs": EPOCHS, "reward": terms} | overrides
    env = parallel_env(environment, rewards="local", overrides=settings)
    env.reset(seed=1)
    split, memory, answers = SplitPolicy(expert, env), None, 0
    for _ in range(EPOCHS):
        before = final_requests(env)
        actions, memory = split.predict(env.global_observation(), memory)
        _, rewards, _, _, infos = env.step(actions)
        info = infos[env.possible_agents[0]]
        answered = Answered(env.env.simulator, np.array(sorted(final_requests(env) - before), np.int64))
        answers += answered.request.size
        for name in set(REQUEST_METRICS) & set(env.scenario.metrics):
            if answered.request.size:
                added = REQUEST_METRICS[name](answered).sum()
                assert added == pytest.approx(info["metrics"][name], rel=1e-9, abs=1e-9), name
        assert sum(rewards.values()) == pytest.approx(sum(info["rewards"].values()), rel=1e-9, abs=1e-9)
    assert answers > 10
    assert case != "predicted" or info["totals"]["evicted"] > 0


@pytest.mark.parametrize("environment", ["EdgeLLM/Joint-v0", "EdgeLLM/EarlyExit-v0"])
def test_a_request_is_divided_among_the_agents_on_its_way(environment):
    """A plain loop over requests and stages of the log."""
    env = parallel_env(environment, rewards="local", overrides={"reward": {"served_value": 1.0}})
    env.reset(seed=1)
    split, memory, shared = SplitPolicy(EXPERTS[environment], env), None, 0
    for _ in range(6):
        before = final_requests(env)
        actions, memory = split.predict(env.global_observation(), memory)
        _, rewards, *_ = env.step(actions)
        log, tape = env.env.simulator.state.requests, env.env.simulator.tape.requests
        expected = dict.fromkeys(env.possible_agents, 0.0)
        for request in final_requests(env) - before:
            on_way = [env.possible_agents[place - 1] for place in log.node[0, request] if place > 0]
            if env.scenario.dynamics == "streaming":
                on_way.append(f"device-{tape.device[0, request]}")
            shared += len(on_way) > 1
            for agent in on_way:
                expected[agent] += (log.outcome[0, request] == 2) * tape.value[0, request] / len(on_way)
        assert rewards == pytest.approx(expected)
    assert shared > 0


def test_only_the_node_that_serves_is_rewarded():
    """One node takes all requests: the others get exactly 0, and it gets the environment's reward."""
    env = parallel_env("EdgeLLM/MultiNode-v0", rewards="local")
    env.reset(seed=0)
    total = 0.0
    for _ in range(5):
        bids = {name: np.full(32, 0.5 if name == "l4-4bit" else -0.5) for name in env.agents}
        _, rewards, _, _, infos = env.step(
            {name: {"bid": bid, "bandwidth": np.ones((32, 2))} for name, bid in bids.items()}
        )
        served = infos["l4-8bit"]["metrics"]["served_value"]
        assert rewards == {name: served if name == "l4-4bit" else 0.0 for name in env.agents}
        total += served
    assert total > 0.0


def test_terms_of_no_request_are_divided_equally():
    env = parallel_env(
        "EdgeLLM/MultiNode-v0", rewards="local", overrides={"reward": {"energy_j": -1.0, "pending": -2.0}}
    )
    env.reset(seed=0)
    idle = {name: {"bid": np.full(32, -1.0), "bandwidth": np.zeros((32, 2))} for name in env.agents}
    _, rewards, _, _, infos = env.step(idle)
    metrics = infos["l4-8bit"]["metrics"]
    share = -(metrics["energy_j"] + 2.0 * metrics["pending"]) / 4
    assert rewards == pytest.approx(dict.fromkeys(env.possible_agents, share))
    assert share < 0.0


def _bonus(metrics, scenario):
    return np.full(metrics["served"].shape, 4.0)


def test_a_reward_of_ones_own_is_divided_equally():
    env = parallel_env("EdgeLLM/MultiNode-v0", rewards="local", reward=_bonus)
    env.reset(seed=0)
    idle = {name: {"bid": np.full(32, -1.0), "bandwidth": np.zeros((32, 2))} for name in env.agents}
    assert env.step(idle)[1] == dict.fromkeys(env.possible_agents, 1.0)


def test_default_rewards_of_streaming_dynamics_leave_nothing_to_divide_equally():
    env = parallel_env("EdgeLLM/EarlyExit-v0", rewards="local")
    env.reset(seed=3)
    split, memory = SplitPolicy("dto-ee", env), None
    for _ in range(4):
        actions, memory = split.predict(env.global_observation(), memory)
        _, rewards, _, _, infos = env.step(actions)
        arrived = env.env.simulator.state.arrived_last[0]
        idle = [
            agent.name for agent in agents_of(env.scenario) if agent.device is not None and not arrived[agent.device]
        ]
        assert all(rewards[name] == 0.0 for name in idle)
        assert sum(rewards.values()) == pytest.approx(sum(infos["cell-a"]["rewards"].values()))
