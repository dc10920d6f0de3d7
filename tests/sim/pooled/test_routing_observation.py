"""What batching-and-routing dynamics shows, against the state that it is read from."""

import numpy as np
import pytest

from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.exit_observation import (
    SEEN_EPOCHS,
)
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, LATE, SERVED
from edge_llm_gym.sim.pooled.observation import NODE_FEATURES as EPOCH_NODE_FEATURES
from edge_llm_gym.sim.pooled.observation import (
    REQUEST_FEATURES,
    PooledObserver,
)
from edge_llm_gym.sim.pooled.observation import (
    ROUTING_NODE_FEATURES as NODE_FEATURES,
)
from edge_llm_gym.sim.simulator import Simulator
from tests.sim.fields import array_of
from tests.sim.pooled.routing_by_hand import HARSH, act, by_hand, random_action, staged

NODE = {name: column for column, name in enumerate(NODE_FEATURES)}
REQUEST = {name: column for column, name in enumerate(REQUEST_FEATURES)}


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    return Simulator(load_scenario("joint", HARSH), rows=2)


def restart(simulator: Simulator, epochs: int, seed: int = 0) -> None:
    """Resets all rows, and steps at random for a while."""
    rng = np.random.default_rng(seed)
    for row in range(simulator.rows):
        simulator.reset(row, rng)
    for _ in range(epochs):
        simulator.step(*random_action(rng, simulator))


def test_requests_are_those_at_the_head_of_the_queue(simulator):
    restart(simulator, 12)
    seen, tape, state = PooledObserver(simulator).observe(), simulator.tape, simulator.state
    now_s = 13 * simulator.scenario.epoch_s
    for row in range(2):
        shown = min(int(state.queue.length[row]), simulator.scenario.slots)
        request = state.queue.request[row, :shown]
        assert seen["request_mask"][row].tolist() == [1] * shown + [0] * (simulator.scenario.slots - shown)
        features = seen["requests"][row, :shown]
        wants = simulator.scenario.requests
        budget_s = wants.budget_s[1] + wants.budget_per_output_token_s * 512
        np.testing.assert_allclose(
            features[:, REQUEST["prompt_tokens"]], tape.requests.prompt_tokens[row, request] / 4096
        )
        np.testing.assert_allclose(
            features[:, REQUEST["output_tokens"]], tape.requests.output_tokens[row, request] / 512
        )
        waited, left = now_s - tape.requests.arrival_s[row, request], tape.requests.deadline_s[row, request] - now_s
        np.testing.assert_allclose(features[:, REQUEST["waiting_time"]], waited / budget_s, rtol=1e-6)
        np.testing.assert_allclose(features[:, REQUEST["time_left"]], left / budget_s, rtol=1e-6)
        np.testing.assert_allclose(
            features[:, REQUEST["quality_demand"]], tape.requests.quality_demand[row, request], rtol=1e-6
        )
        np.testing.assert_allclose(features[:, REQUEST["value"]], tape.requests.value[row, request] / 2.0, rtol=1e-6)
        efficiency = tape.channels.spectral_efficiency[row, 12, tape.requests.device[row, request]]
        assert efficiency.shape == (shown, 4, 2), "devices reach the entry nodes alone"
        np.testing.assert_allclose(seen["spectral_efficiency"][row, :shown], efficiency / 7.4, rtol=1e-6)
        assert (seen["requests"][row, shown:] == 0.0).all()
        assert (seen["spectral_efficiency"][row, shown:] == 0.0).all()
        assert seen["arrivals"][row] == pytest.approx(state.queue.arrived_last[row] / 32)
        assert seen["backlog"][row] == pytest.approx((state.queue.length[row] - shown) / 32)
    assert seen["request_mask"].sum() > 20


def test_nodes_show_how_long_they_are_busy_and_what_room_they_have(simulator):
    restart(simulator, 12)
    seen, state, parameters = PooledObserver(simulator).observe(), simulator.state, simulator.parameters
    uplink_ends_s = 13 * 4.0 + 0.4
    busy = np.maximum(state.node_free_s - uplink_ends_s, 0.0) / 4.0
    np.testing.assert_allclose(seen["nodes"][:, :, NODE["time_until_free"]], busy, rtol=1e-6)
    held = (state.batches.kv_bytes * (state.batches.end_s > uplink_ends_s)).sum(axis=2)
    room = np.maximum(parameters.kv_capacity_bytes - held, 0.0) / parameters.kv_capacity_bytes
    np.testing.assert_allclose(seen["nodes"][:, :, NODE["free_kv_bytes"]], room, rtol=1e-5)
    assert busy[:, :4].max() > 0
    assert busy[:, 4:].max() > 0
    assert room.min() < 1.0


def test_what_does_not_change(simulator):
    restart(simulator, 1)
    seen = PooledObserver(simulator).observe()
    assert (*EPOCH_NODE_FEATURES, "stage") == NODE_FEATURES
    np.testing.assert_allclose(seen["nodes"][0, :, NODE["stage"]], [0.5] * 4 + [1.0] * 2)
    np.testing.assert_allclose(seen["nodes"][0, 4:, NODE["uplink_hz"]], 0.0)
    np.testing.assert_allclose(seen["nodes"][0, :, NODE["quality"]], simulator.parameters.quality, rtol=1e-6)
    assert seen["nodes"][1, 0, NODE["flops"]] == pytest.approx(121e12 * 0.5 / 1e15)
    np.testing.assert_array_equal(seen["links"][0, :, :, 0], simulator.scenario.network.has_link)
    np.testing.assert_allclose(seen["links"][1, 0, 4], [1.0, 0.1, 0.0005], rtol=1e-6)
    assert (seen["links"][0][~simulator.scenario.network.has_link] == 0.0).all()


def test_nothing_has_been_seen_at_the_start(simulator):
    restart(simulator, 0)
    assert (PooledObserver(simulator).observe()["exit_confidence"] == 0.0).all()


def test_confidences_are_seen_when_their_batch_has_ended():
    """By hand: A and C compute from 4.5 to 5.5 and from 5.5 to 9.5, decisions fall on 4, 8 and 12."""
    confidence = [[0.3, 0.6, 0.7, 0.8], [0.9, 0.0, 0.0, 0.0]]
    simulator = by_hand(staged([1, 1]), [0.0, 1.0], confidence=confidence, hosted_shared_s=[[1.0, 1.0, 4.0, 9.0]] * 2)
    act(simulator, [1, 1], threshold=[0.5, 0.65])
    at_8 = PooledObserver(simulator).observe()["exit_confidence"][0]
    assert ((at_8[0] - [0.3, 0.3, 0.3, 0.9, 0.9] >= -1 / 64) & (at_8[0] - [0.3, 0.3, 0.3, 0.9, 0.9] <= 1 / 64)).all()
    assert (at_8[1:] == 0.0).all(), "block 1 is C's, which is still computing"
    act(simulator, [])
    at_12 = PooledObserver(simulator).observe()["exit_confidence"][0]
    np.testing.assert_array_equal(at_12[0], at_8[0])
    np.testing.assert_allclose(at_12[1:3], [[0.6] * 5, [0.7] * 5], atol=1 / 64)
    assert (at_12[3] == 0.0).all(), "the request left before the last block"


def test_observations_never_read_ahead(simulator):
    """Scrambling what lies in the future, or has not been computed yet, leaves the observation as it is."""
    rng, observer, hidden = np.random.default_rng(4), PooledObserver(simulator), 0
    for row in range(simulator.rows):
        simulator.reset(row, rng)
    for _ in range(20):
        simulator.step(*random_action(rng, simulator))
        before, saved = observer.observe(), simulator.snapshot()
        hidden += scramble(simulator)
        for field, array in observer.observe().items():
            np.testing.assert_array_equal(array[0], before[field][0], err_msg=field)
        simulator.restore(saved)
    assert hidden > 100


def scramble(simulator: Simulator) -> int:
    """Spoils the first row; returns how many visits of admitted requests were unfinished."""
    tape, state, first = simulator.tape, simulator.state, simulator.scenario.network.first_block
    future = slice(int(state.queue.next_arrival[0]), None)
    for name in ("deadline_s", "bits", "quality_demand", "value", "cost_drivers", "latest_start_s"):
        array_of(tape, name)[0, future] = 0.77
    tape.requests.prompt_tokens[0, future] = tape.requests.output_tokens[0, future] = 77
    tape.channels.spectral_efficiency[0, state.epoch[0] + 1 :] = 7.0
    tape.requests.device[0, future] = 3
    unadmitted = state.requests.exit_block[0] == 0
    for name in ("confidence", "route", "correct", "cost_drivers", "forward_bits", "round_trips"):
        array_of(tape, name)[0, unadmitted] = 0.77  # nor those of waiting requests
    tape.exits.correct[0] = ~tape.exits.correct[0]  # never observed
    now_s = (state.epoch[0] + 1) * simulator.scenario.epoch_s
    running = np.argwhere((state.requests.node[0] > 0) & (state.requests.finish_s[0] > now_s))
    for request, stage in running:
        tape.exits.confidence[0, request, first[state.requests.node[0, request, stage] - 1] :] = 0.77
    for request in np.flatnonzero(~unadmitted):
        tape.exits.confidence[0, request, state.requests.exit_block[0, request] :] = 0.77
    return len(running)


def test_seen_confidences_are_those_of_the_computed_among_the_last_epochs():
    """Quantiles by numpy over the requests of the last epochs whose node has finished, to the width of a bin."""
    simulator = Simulator(load_scenario("joint", HARSH | {"horizon_epochs": 40}))
    simulator.reset(0, np.random.default_rng(0))
    rng, observer, compared, admitted_in = np.random.default_rng(1), PooledObserver(simulator), 0, {}
    for epoch in range(40):
        result = simulator.step(*random_action(rng, simulator))
        computed = np.isin(result.slot_outcome[0], (SERVED, LATE, BELOW_QUALITY))
        admitted_in |= {int(request): epoch for request in result.slot_request[0, computed]}
        state, tape = simulator.state, simulator.tape
        now_s = (epoch + 2) * simulator.scenario.epoch_s
        recent = [request for request, when in admitted_in.items() if when > epoch - SEEN_EPOCHS]
        for block, quantiles in enumerate(observer.observe()["exit_confidence"][0]):
            stage = block // 2
            seen = [
                tape.exits.confidence[0, request, block]
                for request in recent
                if state.requests.exit_block[0, request] > block and state.requests.finish_s[0, request, stage] <= now_s
            ]
            if not seen:
                assert (quantiles == 0.0).all()
                continue
            low, high = (np.quantile(seen, (0.1, 0.25, 0.5, 0.75, 0.9), method=m) for m in ("lower", "higher"))
            assert (quantiles >= low - 1 / 64 - 1e-6).all()
            assert (quantiles <= high + 1 / 64 + 1e-6).all()
            compared += 1
    assert compared > 100
