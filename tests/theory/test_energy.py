"""The energy of an episode against plain sums over batches, services and transmissions, and as a reward term."""

import numpy as np
import pytest

from edge_llm_gym.models.hardware import hardware
from edge_llm_gym.scenario import Scenario, load_scenario
from edge_llm_gym.sim.outcomes import EMPTY, REFUSED_DOWNLINK, REFUSED_UPLINK, WAITING
from edge_llm_gym.sim.simulator import Simulator
from tests.sim.pooled import routing_by_hand

EPOCHS = 25
PRICED = {"horizon_epochs": EPOCHS, "reward": {"served_value": 1.0, "energy_j": -0.001}}


def watts(scenario: Scenario) -> tuple[list[float], list[float], float]:
    """Idle and busy power of each node, and the transmit power of a device."""
    devices = [node.device() for node in scenario.nodes]
    transmit_w = 10 ** (scenario.devices.transmit_power_dbm / 10) / 1000
    return [device.idle_w for device in devices], [device.busy_w for device in devices], transmit_w


def column(simulator: Simulator, metrics: np.ndarray, name: str) -> np.ndarray:
    """[R] one metric."""
    return metrics[:, simulator.scenario.metrics.index(name)]


def pooled_action(rng: np.random.Generator, simulator: Simulator):
    action = routing_by_hand.random_action(rng, simulator)
    return action if simulator.scenario.exits is not None else action[:2]


def play(simulator: Simulator, action) -> tuple[np.ndarray, np.ndarray]:
    """One episode of every row; returns the sums [R, M] of the metrics and the number [R] of requests on air."""
    rng, sums, on_air = np.random.default_rng(1), np.zeros_like(simulator.state.totals), np.zeros(simulator.rows)
    for row in range(simulator.rows):
        simulator.reset(row, np.random.default_rng(row))
    while not simulator.ended().any():
        result = simulator.step(*action(rng, simulator))
        sums += result.metrics
        weighted = column(simulator, result.metrics, "served_value") - 0.001 * column(
            simulator, result.metrics, "energy_j"
        )
        np.testing.assert_allclose(result.reward, weighted)
        if hasattr(result, "slot_outcome"):
            unsent = (EMPTY, WAITING, REFUSED_UPLINK, REFUSED_DOWNLINK)
            on_air += (~np.isin(result.slot_outcome, unsent)).sum(axis=1)
    return sums, on_air


@pytest.mark.parametrize("name", ["multi-node", "joint"])
def test_energy_of_an_episode_is_a_sum_over_its_batches(name):
    scenario = load_scenario(name, PRICED)
    simulator = Simulator(scenario, rows=2)
    sums, on_air = play(simulator, pooled_action)
    idle_w, busy_w, transmit_w = watts(scenario)
    begin_s, end_s = scenario.epoch_s, (EPOCHS + 1) * scenario.epoch_s
    log, overrun = simulator.state.batches, 0
    for row in range(simulator.rows):
        energy_j = 0.0
        for node in range(simulator.nodes):
            energy_j += idle_w[node] * (end_s - begin_s)
            for epoch in range(EPOCHS):
                if log.begin_s[row, node, epoch] < end_s:
                    overrun += log.end_s[row, node, epoch] > end_s
                    until_s = min(log.end_s[row, node, epoch], end_s)
                    energy_j += (busy_w[node] - idle_w[node]) * (until_s - log.begin_s[row, node, epoch])
        assert column(simulator, sums, "node_energy_j")[row] == pytest.approx(energy_j)
        sent_j = transmit_w * scenario.uplink_slot_s * on_air[row]
        assert column(simulator, sums, "device_energy_j")[row] == pytest.approx(sent_j)
        assert column(simulator, sums, "energy_j")[row] == pytest.approx(energy_j + sent_j)
        assert column(simulator, simulator.state.totals, "energy_j")[row] == pytest.approx(energy_j + sent_j)
    assert on_air.min() > 10
    assert overrun, "batches that run past the end of the episode count in part"


def streaming_action(rng: np.random.Generator, simulator: Simulator):
    senders = simulator.scenario.devices.count + simulator.nodes
    offload = rng.random((simulator.rows, senders, simulator.nodes), np.float32)
    return offload, rng.random((simulator.rows, simulator.nodes), np.float32)


def test_energy_of_a_stream_is_a_sum_over_services_and_transmissions():
    scenario = load_scenario("early-exit", PRICED | {"arrivals.rate_per_s": 12.0})
    simulator = Simulator(scenario)
    sums, _ = play(simulator, streaming_action)
    idle_w, busy_w, transmit_w = watts(scenario)
    tape, state, network = simulator.tape, simulator.state, scenario.network
    served_s, on_air_s = np.zeros(simulator.nodes), 0.0
    first_hosted = simulator.parameters.network.first_hosted
    for request in range(state.next_arrival[0]):
        epoch = int(tape.requests.arrival_s[0, request] // scenario.epoch_s)
        for node in state.requests.node[0, request] - 1:
            if node >= 0:
                last = min(state.requests.exit_block[0, request] - 1, network.last_block[node])
                blocks = range(first_hosted[node], first_hosted[node] + last - network.first_block[node] + 1)
                slow = simulator.parameters.slowdown_factor[epoch, node]
                served_s[node] += slow * sum(tape.service_s[0, request, hosted] for hosted in blocks)
        entry, device = state.requests.node[0, request, 0] - 1, tape.requests.device[0, request]
        efficiency = float(tape.channels.spectral_efficiency[0, epoch, device, entry, 0])
        band_hz = scenario.nodes[entry].uplink_hz / scenario.devices.count
        on_air_s += tape.requests.bits[0, request, 0] / (band_hz * efficiency)
    ahead_s = state.servers.committed_s[0]
    assert ahead_s.max() > 0, "work after the end of the episode is not counted"
    energy_j = EPOCHS * scenario.epoch_s * sum(idle_w) + ((np.array(busy_w) - idle_w) * (served_s - ahead_s)).sum()
    assert column(simulator, sums, "node_energy_j")[0] == pytest.approx(energy_j)
    assert column(simulator, sums, "device_energy_j")[0] == pytest.approx(transmit_w * on_air_s)
    assert column(simulator, sums, "energy_j")[0] == pytest.approx(energy_j + transmit_w * on_air_s)


def test_devices_of_a_pool_add_up():
    for count in (2, 3):
        power = Simulator(load_scenario("single-node", PRICED | {"nodes.0.count": count})).parameters.power
        one = hardware("nvidia-l4")
        assert power.idle_w == pytest.approx(count * one.idle_w)
        assert power.dynamic_w == pytest.approx([count * (one.busy_w - one.idle_w)])
