"""Constants against the tape that they stand for, and costs against the cost model."""

import numpy as np
import pytest

from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.request_costs import RequestCosts, forward_bits, hosted_blocks, round_trip_bits
from edge_llm_gym.sim.simulator import Simulator
from edge_llm_gym.sim.streaming.constants import streaming_constants
from edge_llm_gym.sim.wire_times import wire_times_s
from tests.sim.fields import array_of
from tests.sim.times_by_hand import times_by_hand


@pytest.fixture(scope="module")
def scenario():
    return load_scenario(
        "early-exit", {"horizon_epochs": 500, "requests.uplink_payload": {"probability": 0.5, "bits": [0, 4e5]}}
    )


@pytest.fixture(scope="module")
def constants(scenario):
    return streaming_constants(scenario)


@pytest.fixture(scope="module")
def simulator(scenario):
    simulator = Simulator(scenario, rows=4)
    rng = np.random.default_rng(0)
    for row in range(4):
        simulator.reset(row, rng)
    return simulator


def on_tape(simulator, field):
    rows = zip(array_of(simulator.tape, field), simulator.tape.requests.length, strict=True)
    return np.concatenate([values[:size] for values, size in rows])


@pytest.mark.parametrize("cost", ["compute", "roofline"])
@pytest.mark.parametrize("head", [True, False])
def test_service_of_a_hosted_block_is_the_cost_model_of_its_layers(cost, head):
    scenario = load_scenario("early-exit", {"cost": cost, "lm_head": head, "exits.blocks": [4, 12, 6, 10]})
    prompt, output = np.array([1, 500, 4096]), np.array([1, 7, 16])
    times_s = RequestCosts(scenario).block_alone_s(prompt, output)
    work_s, shared_s = times_by_hand(scenario, 7, 6, prompt, output)  # block 2, with six layers
    index = [(one.node, one.block) for one in hosted_blocks(scenario)].index((7, 2))
    np.testing.assert_allclose(times_s[:, index], work_s + shared_s, rtol=1e-12)


def test_padding_lengthens_every_prompt():
    short = load_scenario("early-exit", {"pad_prompts": True})
    padded = RequestCosts(short).block_alone_s(np.array([10]), np.array([4]))
    longest = RequestCosts(load_scenario("early-exit")).block_alone_s(np.array([4096]), np.array([4]))
    np.testing.assert_array_equal(padded, longest)
    forwarded = forward_bits(short, np.array([10]))
    np.testing.assert_array_equal(forwarded, forward_bits(load_scenario("early-exit"), np.array([4096])))


def test_hosted_blocks_stand_node_by_node(scenario):
    pairs = [(one.node, one.block) for one in hosted_blocks(scenario)]
    assert pairs == [(0, 0), (1, 0), (2, 0), (3, 0), (4, 1), (5, 1), (6, 1), (7, 2), (7, 3), (8, 2), (8, 3)]


def test_forwarded_bits_are_hidden_vectors_and_tokens(scenario):
    assert forward_bits(scenario, np.array([100])).tolist() == [100 * (4096 * 16 + 32)]
    assert round_trip_bits(scenario) == 4096 * 16 + 64


def test_wire_times_are_transfers_and_round_trips(scenario):
    times_s = wire_times_s(scenario, np.array([100, 100]), np.array([1, 3]))
    network, bits = scenario.network, 4096 * 16 + 32
    rate_bps, latency_s = network.rate_bps[0, 4], network.latency_s[0, 4]
    transfer_s, trip_s = latency_s + 100 * bits / rate_bps, 2 * latency_s + (bits + 32) / rate_bps
    np.testing.assert_allclose(times_s[:, 0, 4], [transfer_s, transfer_s + 2 * trip_s])
    np.testing.assert_array_equal(np.isfinite(times_s[0]), network.has_link)


def test_moments_are_those_of_the_tape(constants, simulator):
    service_s = on_tape(simulator, "service_s")
    mean_s, square_s2 = constants.whole_service()
    through_s = np.column_stack(
        [service_s[:, :7], service_s[:, 7] + service_s[:, 8], service_s[:, 9] + service_s[:, 10]]
    )
    np.testing.assert_allclose(mean_s, through_s.mean(axis=0), rtol=0.03)
    np.testing.assert_allclose(square_s2, (through_s**2).mean(axis=0), rtol=0.05)
    np.testing.assert_allclose(constants.first_service_s[7, 2], service_s[:, 7].mean(), rtol=0.03)
    assert constants.rate_per_s == pytest.approx(len(service_s) / (4 * 500.0), rel=0.05)
    assert constants.device_rate_per_s.sum() == pytest.approx(constants.rate_per_s)


def test_service_by_where_requests_leave(constants):
    leaving = np.zeros((9, 4))
    leaving[:4, 0] = leaving[4:7, 1] = 1.0
    leaving[7:, 2], leaving[7:, 3] = 0.25, 0.75
    mean_s, square_s2 = constants.service(leaving)
    whole_s, whole_sq_s2 = constants.whole_service()
    np.testing.assert_array_equal(mean_s[:7], whole_s[:7])
    assert (mean_s[7:] < whole_s[7:]).all()
    assert (square_s2[7:] < whole_sq_s2[7:]).all()
    assert (square_s2 >= mean_s**2).all()


def test_link_delays_are_those_of_a_mean_request(constants, simulator, scenario):
    efficiency = simulator.tape.channels.spectral_efficiency[0, 7]
    delay_s = constants.link_delay_s(efficiency)
    bits = on_tape(simulator, "bits").mean(axis=0)
    node = scenario.nodes[2]
    expected_s = (bits / (np.array([node.uplink_hz, node.downlink_hz]) / 20 * efficiency[5, 2])).sum()
    assert delay_s[5, 2] == pytest.approx(expected_s, rel=0.03)
    link = scenario.links[0]
    trip_s = 2 * link.latency_s + round_trip_bits(scenario) / link.rate_bps
    wired_s = link.latency_s + on_tape(simulator, "forward_bits").mean() / link.rate_bps
    assert constants.mean_transfer_s[0, 4] == pytest.approx(wired_s, rel=0.03)
    np.testing.assert_array_equal(np.isfinite(constants.mean_transfer_s), constants.network.has_link)
    wired_s += on_tape(simulator, "round_trips").mean() * trip_s
    assert delay_s[20, 4] == pytest.approx(wired_s, rel=0.03)
    assert np.isfinite(delay_s).sum() == 20 * 4 + len(scenario.links)


def test_constants_do_not_depend_on_anything_drawn(scenario, constants):
    np.random.seed(5)  # noqa: NPY002 - the global state must not matter
    again = streaming_constants(scenario)
    np.testing.assert_array_equal(again.first_service_s, constants.first_service_s)
    assert again.mean_bits == constants.mean_bits


def test_constants_belong_to_streams():
    with pytest.raises(ValueError, match="belong to dynamics 'streaming', got 'batching'"):
        streaming_constants(load_scenario("single-node"))
