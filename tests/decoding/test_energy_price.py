"""Prices of energy in epoch problems, against the reward and against the energy that the transition reports."""

import gymnasium
import numpy as np
import pytest

from edge_llm_gym.decoding.batching import BatchingReader
from edge_llm_gym.decoding.composite import CompositeReader
from edge_llm_gym.decoding.energy_price import EnergyPrice, energy_price
from edge_llm_gym.experts import make_expert
from edge_llm_gym.models.hardware import hardware
from edge_llm_gym.scenario import load_scenario
from tests.decoding.two_stages import OFFLOAD, SCENARIO, THRESHOLDS, observed_after
from tests.equality import assert_same
from tests.sim.costs_by_hand import costs_of_tape, node_of_hosted


def scenario_with(**reward: float):
    return load_scenario("single-node", {"reward": reward})


@pytest.mark.parametrize(
    ("reward", "price"),
    [
        ({"served_value": 1.0}, (0.0, 0.0)),
        ({"served_value": 1.0, "late": -2.0}, (0.0, 0.0)),
        ({"served": 1.0}, (0.0, 0.0)),
        ({"served_value": 2.0, "energy_j": -0.5}, (0.25, 0.25)),
        ({"served_value": 1.0, "node_energy_j": -0.5}, (0.5, 0.0)),
        ({"served_value": 1.0, "energy_j": -0.5, "device_energy_j": -3.0}, (0.5, 3.5)),
    ],
)
def test_the_price_is_the_weight_of_energy_relative_to_that_of_value(reward, price):
    assert energy_price(scenario_with(**reward)) == pytest.approx(price)


def test_a_given_price_counts_instead_of_the_reward():
    assert energy_price(scenario_with(served_value=1.0, energy_j=-0.5), 0.125) == EnergyPrice(0.125, 0.125)
    assert energy_price(scenario_with(served=1.0, energy_j=-0.5), 0.0) == EnergyPrice(0.0, 0.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: energy_price(scenario_with(served=1.0, energy_j=-0.5)), "relative to that of served_value"),
        (
            lambda: energy_price(scenario_with(served_value=1.0, energy_j=0.5)),
            "must be finite and zero or more .*got -0.5",
        ),
        (lambda: energy_price(scenario_with(served_value=1.0), -1.0), "must be finite and zero or more .*got -1.0"),
        (lambda: energy_price(scenario_with(served_value=1.0), np.inf), "must be finite and zero or more .*got inf"),
        (lambda: make_expert("dftsp", scenario_with(served_value=1.0), energy_price=-1), "zero or more .*got -1"),
    ],
)
def test_prices_without_a_meaning_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_random_decisions_need_no_price():
    make_expert("random", scenario_with(served=1.0, energy_j=-0.5))
    with pytest.raises(TypeError, match="no setting 'energy_price'"):
        make_expert("random", scenario_with(served_value=1.0), energy_price=1.0)
    with pytest.raises(TypeError, match="no setting 'energy_price'"):
        make_expert("dto-ee", load_scenario("early-exit"), energy_price=1.0)


@pytest.mark.parametrize("environment", ["EdgeLLM/SingleNode-v0", "EdgeLLM/MultiNode-v0"])
def test_the_objective_is_the_served_value_less_the_price_of_the_energy_that_is_spent(environment):
    """One decision from idle nodes, then no more: what the node takes beyond its idle power is the batch's."""
    price, env = EnergyPrice(node=1e-3, device=0.2), gymnasium.make(environment)
    observation, _ = env.reset(seed=3)
    reader = BatchingReader(env.unwrapped.scenario, env.unwrapped.scenario.epoch_s, energy_price=price)
    problem = reader.read(observation).problem
    action, _ = make_expert("sjf", env, energy_price=0.0).predict(observation)
    visible = observation["request_mask"].astype(bool)
    wait = {key: np.zeros_like(value) for key, value in action.items()}
    served = energy = idle = 0.0
    idle_w = sum(node.device().idle_w for node in env.unwrapped.scenario.nodes)
    for epoch in range(8):
        observation, _, _, _, info = env.step(wait if epoch else action)
        served += info["metrics"]["served_value"]
        energy += price.node * info["metrics"]["node_energy_j"] + price.device * info["metrics"]["device_energy_j"]
        idle += price.node * idle_w * env.unwrapped.scenario.epoch_s
    assert (env.unwrapped.simulator.state.node_free_s < 8 * env.unwrapped.scenario.epoch_s).all()
    assert served > 1.0
    assert problem.objective(action["batch"][visible]) == pytest.approx(served - (energy - idle), rel=1e-5)


def test_the_time_price_is_that_of_all_devices_of_a_node():
    scenario = load_scenario("single-node", {"nodes.0.count": 3})
    observation, _ = gymnasium.make("EdgeLLM/SingleNode-v0", scenario=scenario).reset(seed=0)
    (problem,) = BatchingReader(scenario, energy_price=EnergyPrice(0.01, 0.0)).read(observation).problem.nodes
    device = hardware(scenario.nodes[0].hardware)
    assert problem.time_price == pytest.approx(0.01 * 3 * (device.busy_w - device.idle_w))


@pytest.mark.parametrize("threshold", THRESHOLDS, ids=str)
def test_composite_values_pay_for_the_mean_work_of_deeper_nodes(threshold):
    price = EnergyPrice(node=1e-4, device=0.1)
    simulator, observation = observed_after(6)
    free, priced = CompositeReader(SCENARIO), CompositeReader(SCENARIO, energy_price=price)
    estimate = free.initial_estimate()
    forecast = free.forecast(estimate.difficulty_shift, OFFLOAD, np.float32(threshold).astype(float))
    plain, dear = (reader.expected_epoch(observation, estimate, forecast).problem for reader in (free, priced))
    request = simulator.state.queue.request[0, : plain.request_count]
    work_s = costs_of_tape(simulator)[0][request]
    busy_w = np.array([node.device().busy_w - node.device().idle_w for node in SCENARIO.nodes])
    sent_j = SCENARIO.uplink_slot_s * 10 ** (SCENARIO.devices.transmit_power_dbm / 10) / 1000
    node_of, differs = node_of_hosted(simulator), 0
    for index, (before, after) in enumerate(zip(plain.nodes, dear.nodes, strict=True)):
        expected = before.value - price.device * sent_j
        for hosted, node in enumerate(node_of):
            if node >= len(plain.nodes):
                joules = busy_w[node] * work_s[:, hosted]
                expected = expected - price.node * forecast.exit_probability[index, hosted] * joules
        np.testing.assert_allclose(after.value, np.maximum(expected, 0.0), rtol=1e-6)
        assert after.time_price == pytest.approx(price.node * busy_w[index])
        assert before.time_price == 0.0
        np.testing.assert_array_equal(after.time_s, before.time_s)
        differs += (before.value - price.device * sent_j - expected > 1e-6).any()
    assert differs or threshold == THRESHOLDS[0]


PRICE = 8e-3
SETTINGS = {"horizon_epochs": 20}
PRICED_REWARD = {"reward": {"served_value": 2.0, "energy_j": -2.0 * PRICE}}


def play(environment: str, name: str, overrides, **settings):
    """Totals and actions of an episode."""
    env = gymnasium.make(environment, overrides=SETTINGS | overrides)
    expert = make_expert(name, env, **settings)
    observation, _ = env.reset(seed=0)
    state, truncated, actions = None, False, []
    while not truncated:
        action, state = expert.predict(observation, state)
        actions.append(action)
        observation, _, _, truncated, info = env.step(action)
    return info["totals"], actions


@pytest.mark.parametrize(
    ("environment", "name"),
    [("EdgeLLM/SingleNode-v0", "dftsp"), ("EdgeLLM/MultiNode-v0", "ot-gah"), ("EdgeLLM/Joint-v0", "ot-gah")],
)
def test_a_price_from_the_reward_or_given_saves_energy(environment, name):
    free, _ = play(environment, name, {})
    priced, actions = play(environment, name, PRICED_REWARD)
    for first, second in zip(actions, play(environment, name, {}, energy_price=PRICE)[1], strict=True):
        assert_same(first, second)
    assert priced["energy_j"] / priced["served"] < free["energy_j"] / free["served"]
    assert priced["served_value"] - PRICE * priced["energy_j"] > free["served_value"] - PRICE * free["energy_j"]
