"""Problems from observations agree with the tape, and decisions that are feasible in them with the transition."""

import gymnasium
import numpy as np
import pytest

from edge_llm_gym.decoding.batching import BatchingReader
from edge_llm_gym.experts import make_expert
from edge_llm_gym.scenario.metrics import COLUMN
from edge_llm_gym.sim.columns import DOWNLINK, UPLINK
from tests.sim.costs_by_hand import costs_of_tape

SCENARIOS = ("EdgeLLM/SingleNode-v0", "EdgeLLM/MultiNode-v0")
NEVER_REFUSED = ("fcfs", "edf", "sjf", "nob", "dftsp", "ot-gah")


@pytest.mark.parametrize("environment", SCENARIOS)
def test_problem_equals_the_tape(environment):
    env = gymnasium.make(environment)
    observation, _ = env.reset(seed=1)
    reader = BatchingReader(env.unwrapped.scenario)
    edf = make_expert("edf", env)
    for _ in range(12):
        observation, *_ = env.step(edf.predict(observation)[0])
        check_epoch(env.unwrapped.simulator, reader.read(observation))


def check_epoch(simulator, epoch) -> None:
    """Every array of the problem, against the tape and the state in full precision."""
    tape, state, parameters = simulator.tape, simulator.state, simulator.parameters
    visible = min(simulator.scenario.slots, int(state.queue.length[0]))
    request = state.queue.request[0, :visible]
    now_s = (state.epoch[0] + 1) * simulator.scenario.epoch_s
    np.testing.assert_allclose(epoch.time_left_s, tape.requests.deadline_s[0, request] - now_s, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(epoch.waiting_s, now_s - tape.requests.arrival_s[0, request], rtol=1e-6, atol=1e-6)
    work_s, shared_s, kv_bytes = costs_of_tape(simulator)[:, request]
    for node, problem in enumerate(epoch.problem.nodes):
        np.testing.assert_allclose(problem.time_s, work_s[:, node], rtol=1e-12)
        np.testing.assert_allclose(problem.shared_time_s, shared_s[:, node], rtol=1e-12)
        np.testing.assert_allclose(problem.kv_bytes, kv_bytes[:, node], rtol=1e-12)
        np.testing.assert_allclose(problem.value, tape.requests.value[0, request], rtol=1e-6)
        efficiency = tape.channels.spectral_efficiency[
            0, state.epoch[0], tape.requests.device[0, request], node
        ].astype(float)
        slot_s = (simulator.scenario.uplink_slot_s, simulator.scenario.downlink_slot_s)
        for direction, share in ((UPLINK, problem.uplink_share), (DOWNLINK, problem.downlink_share)):
            exact = tape.requests.bits[0, request, direction] / (
                slot_s[direction] * parameters.radio.bandwidth_hz[node, direction] * efficiency[:, direction]
            )
            assert (share >= exact * (1 - 1e-9)).all(), "minimum shares are never underestimated"
            np.testing.assert_allclose(share, exact, rtol=1e-5)
        start_s = max(now_s + slot_s[UPLINK], state.node_free_s[0, node])
        budget_s = tape.requests.deadline_s[0, request] - slot_s[DOWNLINK] - start_s
        good = parameters.quality[node] >= tape.requests.quality_demand[0, request] + 1e-5
        assert (problem.budget_s[good] <= budget_s[good]).all()
        np.testing.assert_allclose(problem.budget_s[good], budget_s[good], atol=1e-3)
        assert (problem.budget_s[parameters.quality[node] < tape.requests.quality_demand[0, request]] == -1.0).all()


@pytest.mark.parametrize("name", NEVER_REFUSED)
@pytest.mark.parametrize("environment", SCENARIOS)
def test_no_admitted_request_is_refused_late_or_below_quality(environment, name):
    """Decisions that are feasible in the problem are feasible in the transition."""
    env = gymnasium.make(environment)
    expert = make_expert(name, env)
    for seed in range(4):
        observation, _ = env.reset(seed=seed)
        truncated = False
        while not truncated:
            observation, _, _, truncated, info = env.step(expert.predict(observation)[0])
        totals = info["totals"]
        assert totals["requested"] == totals["admitted"] == totals["served"] > 0


def test_overrun_caps_how_far_a_batch_runs():
    env = gymnasium.make("EdgeLLM/SingleNode-v0")
    expert = make_expert("sjf", env, overrun_s=0.5)
    observation, _ = env.reset(seed=0)
    simulator = env.unwrapped.simulator
    for epoch in range(50):
        observation, *_ = env.step(expert.predict(observation)[0])
        next_start_s = (epoch + 2) * simulator.scenario.epoch_s + simulator.scenario.uplink_slot_s
        assert simulator.state.node_free_s[0, 0] <= next_start_s + 0.5 + 1e-9


def test_urgent_requests_expire_after_one_epoch():
    """If all requests wait, exactly the urgent ones have expired at the next decision."""
    env = gymnasium.make("EdgeLLM/MultiNode-v0")
    observation, _ = env.reset(seed=2)
    reader = BatchingReader(env.unwrapped.scenario)
    wait = {"batch": np.zeros(32, np.int64), "bandwidth": np.zeros((32, 2), np.float32)}
    counted = np.zeros(2)
    for _ in range(40):
        urgent = reader.read(observation).urgent
        simulator = env.unwrapped.simulator
        request = simulator.state.queue.request[0, : urgent.size].copy()
        observation, *_ = env.step(wait)
        expired = ~np.isin(request, simulator.state.queue.request[0, : simulator.state.queue.length[0]])
        np.testing.assert_array_equal(urgent, expired)
        counted += [urgent.sum(), (~urgent).sum()]
    assert (counted > 50).all()
    assert simulator.state.totals[0, COLUMN["expired"]] > 50
