"""The surrogate of continuous batching: problems from observations, and the promises that they keep."""

import gymnasium
import numpy as np
import pytest

from edge_llm_gym.decoding.assignment import insert_by_score, with_least_shares
from edge_llm_gym.decoding.batching import batch_limits_s
from edge_llm_gym.decoding.continuous import ContinuousReader
from edge_llm_gym.experts import make_expert
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, RUNNING, SERVED
from edge_llm_gym.sim.pooled.continuous.observation import ContinuousObserver
from edge_llm_gym.sim.simulator import Simulator
from tests.sim.costs_by_hand import costs_of_tape

EXACT = {"lengths.prediction.sigma": 0.0}
ROWS, RECKLESS_EPOCHS = 32, 4
VARIANTS = (
    {},
    {"cost": "compute"},
    {"epoch_s": 1.0, "uplink_slot_s": 0.3, "downlink_slot_s": 0.2},
    {"requests.budget_s": [6.0, 60.0], "arrivals": {"process": "poisson", "rate_per_s": 12.0}},
    {"requests.value": [0.1, 8.0], "lengths.max_output_tokens": 64},
)


def exact_scenario(overrides=None):
    return load_scenario("continuous", EXACT | {"horizon_epochs": 40} | (overrides or {}))


def promised_sequences(simulator: Simulator, row: int) -> list[int]:
    """Sequences that the slack of their node protects, by the formula of the surrogate, request by request."""
    scenario, tape, state = simulator.scenario, simulator.tape, simulator.state
    coefficients, found = simulator.parameters.cost_coefficients, []
    for node in range(simulator.nodes):
        of_node = (state.requests.node[row, :, 0] == node + 1) & (state.requests.outcome[row] == RUNNING)
        work_s, own_s = {}, {}
        for request in np.flatnonzero(of_node):
            prompt, output = (tape.requests.prompt_tokens[row, request], tape.requests.output_tokens[row, request])
            last = state.sequences.last_iteration[row, request]
            left = output - 1 if last < 0 else last - state.nodes.iteration[row, node]
            contexts = prompt + output - 1 - np.arange(left)
            prefill_s = coefficients[node, :2, 0] @ tape.cost_drivers[row, request, :2] if last < 0 else 0.0
            work_s[request] = prefill_s + coefficients[node, 2, 0] * left + coefficients[node, 3, 0] * contexts.sum()
            own_s[request] = coefficients[node, 2, 1] * left
        end_s = state.nodes.boundary_s[row, node] + sum(work_s.values()) + scenario.downlink_slot_s
        found += [request for request in work_s if end_s + own_s[request] <= tape.requests.deadline_s[row, request]]
    return found


def check_promises(overrides, rng) -> tuple[int, int]:
    """Random joins, then one batch of the surrogate, then none. Returns the numbers of promises by kind."""
    scenario = exact_scenario(overrides)
    simulator, reader = Simulator(scenario, ROWS), ContinuousReader(scenario)
    for row in range(ROWS):
        simulator.reset(row, rng)
    shape = (ROWS, scenario.slots)
    for _ in range(rng.integers(RECKLESS_EPOCHS + 1)):
        batch = np.where(rng.random(shape) < 0.2, rng.integers(simulator.nodes + 1, size=shape), 0)
        simulator.step(batch, np.ones((*shape, 2)))
    rows = reader.read_rows(ContinuousObserver(simulator).observe())
    node = insert_by_score(rng.random((*shape, simulator.nodes)), rows, batch_limits_s(scenario, rows, np.inf))
    action = with_least_shares(node, rows)
    before = [promised_sequences(simulator, row) for row in range(ROWS)]
    result = simulator.step(action["batch"], action["bandwidth"].astype(np.float64))
    joined = result.slot_request[node > 0], np.repeat(np.arange(ROWS), (node > 0).sum(axis=1))
    nothing = np.zeros(shape, np.int64), np.ones((*shape, 2))
    while (simulator.state.requests.outcome == RUNNING).any():
        simulator.step(*nothing)
    outcome = simulator.state.requests.outcome
    assert (outcome[joined[1], joined[0]] == SERVED).all()
    for row in range(ROWS):
        assert np.isin(outcome[row, before[row]], (SERVED, BELOW_QUALITY)).all()
    return joined[0].size, sum(map(len, before))


def check_cases(cases: int) -> None:
    rng, joined, running, rounds = np.random.default_rng(0), 0, 0, 0
    while min(joined, running) < cases:
        more = check_promises(VARIANTS[rounds % len(VARIANTS)], rng)
        joined, running, rounds = joined + more[0], running + more[1], rounds + 1


def test_every_promise_is_kept():
    check_cases(300)


@pytest.mark.slow
def test_every_promise_of_ten_thousand_is_kept():
    check_cases(10_000)


@pytest.mark.parametrize("name", ["edf", "dftsp", "ot-gah"])
def test_experts_are_never_late(name):
    """With later joins, too: the slack of a node covers all sequences that joined before."""
    env = gymnasium.make("EdgeLLM/Continuous-v0", overrides=EXACT | {"horizon_epochs": 40})
    expert = make_expert(name, env)
    for seed in range(2):
        observation, _ = env.reset(seed=seed)
        truncated = False
        while not truncated:
            observation, _, _, truncated, info = env.step(expert.predict(observation)[0])
        totals = info["totals"]
        assert totals["served"] > 50
        assert totals["late"] == totals["below_quality"] == totals["refused_memory"] == 0


def test_an_epoch_read_by_hand():
    """Costs, budgets and slack of a node with sequences, from the state."""
    scenario = exact_scenario()
    simulator, reader = Simulator(scenario), ContinuousReader(scenario)
    simulator.reset(0, np.random.default_rng(5))
    for _ in range(3):
        batch = np.where(np.arange(scenario.slots) % 2, 0, 1 + np.arange(scenario.slots) % 4)[None]
        simulator.step(batch, np.ones((1, scenario.slots, 2)))
    observation = ContinuousObserver(simulator).observe()
    rows = reader.read_rows(observation)
    work_s, shared_s, _ = costs_of_tape(simulator)
    queue, visible = simulator.state.queue.request[0], int(observation["request_mask"].sum())
    requests = queue[:visible]
    assert visible > 5
    np.testing.assert_allclose(rows.time_s[0, :visible], work_s[requests], rtol=1e-5)
    assert not rows.shared_time_s.any()
    now_s = (simulator.state.epoch[0] + 1) * scenario.epoch_s
    answered_s = now_s + scenario.uplink_slot_s + scenario.downlink_slot_s
    left_s = simulator.tape.requests.deadline_s[0, requests] - answered_s
    step_s = simulator.parameters.cost_coefficients[:, 2, 1]
    remaining_s = observation["nodes"][0, :, -3].astype(np.float64) * scenario.epoch_s
    ahead_s = np.where(remaining_s > 0, remaining_s + step_s, 0.0)
    assert (remaining_s > 0).any()
    good = simulator.parameters.quality >= simulator.tape.requests.quality_demand[0, requests, None] + 1e-5
    expected_s = left_s[:, None] - ahead_s - shared_s[requests]
    assert (good & (expected_s > 0)).any()
    found = rows.budget_s[0, :visible]
    np.testing.assert_allclose(found[good & (expected_s > 0)], expected_s[good & (expected_s > 0)], atol=1e-3)
    assert (found[~good] == -1.0).all()
    slack_s = observation["nodes"][0, :, -2].astype(np.float64) * scenario.max_budget_s
    np.testing.assert_allclose(rows.slack_s[0], np.maximum(slack_s - 1e-6 * (slack_s + 1), 0), atol=1e-9)
    overrun_s = np.maximum(scenario.epoch_s + 1.0 - rows.busy_s, 0.0)
    np.testing.assert_array_equal(batch_limits_s(scenario, rows, 1.0), np.minimum(overrun_s, rows.slack_s))
