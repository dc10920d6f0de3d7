"""Resampled futures: the past stays, the future follows the law of the tapes, and nothing of the true one is used."""

import numpy as np
import pytest

from edge_llm_gym.env.interface import interface_of
from edge_llm_gym.linear import make_linear
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.futures import PASTS, Futures
from edge_llm_gym.sim.records import leaves
from edge_llm_gym.sim.simulator import Simulator
from tests.equality import assert_same

ROW, AHEAD = 1, 4
SCENARIOS = {
    "batching": ("single-node", {"horizon_epochs": 20}),
    "continuous": ("continuous", {"horizon_epochs": 20, "arrivals.rate_per_s": 9.0, "slots": 64}),
    "joint": ("joint", {"horizon_epochs": 20}),
    "streaming": ("early-exit", {"horizon_epochs": 20, "arrivals.rate_per_s": 4.0}),
    "predictions": ("single-node", {"horizon_epochs": 20, "lengths.prediction.sigma": 0.4}),
}
every_dynamics = pytest.mark.parametrize("key", SCENARIOS)


def advanced(key, epochs=9, seed=5):
    """A simulator of two rows after some epochs of the linear policy, and that policy."""
    scenario = load_scenario(*SCENARIOS[key])
    simulator, policy = Simulator(scenario, 2), make_linear(scenario, search="quick")
    for row in range(2):
        simulator.reset(row, np.random.default_rng((seed, row)))
    for _ in range(epochs):
        step(simulator, policy)
    return simulator, policy


def observed(simulator):
    return interface_of(simulator.scenario).observer(simulator).observe()


def step(simulator, policy):
    action = policy.act_with(observed(simulator), policy.parameters[None])
    return simulator.step(*interface_of(simulator.scenario).read_action(action, (simulator.rows,), simulator.scenario))


def drawn(simulator, count=3, copies=2, seed=0):
    futures = Futures(simulator.scenario, count, copies, AHEAD)
    futures.draw(simulator, ROW, np.random.default_rng(seed))
    return futures.simulator


def rows_of(arrays, rows):
    return {key: array[rows] for key, array in arrays.items()}


@every_dynamics
def test_the_present_is_that_of_the_source(key):
    source, _ = advanced(key)
    futures = drawn(source)
    for row in range(futures.rows):
        assert_same(rows_of(observed(futures), row), rows_of(observed(source), ROW))
        if key != "streaming":
            assert_same(futures.admissible()[row], source.admissible()[ROW])
            length = source.state.queue.length[ROW]
            assert_same(futures.state.queue.request[row, :length], source.state.queue.request[ROW, :length])
    assert_same(futures.state.totals, np.tile(source.state.totals[ROW], (futures.rows, 1)))


@every_dynamics
def test_rows_continue_as_a_whole_copy_of_the_state_with_their_future_does(key):
    source, policy = advanced(key)
    earlier, _ = advanced(key, epochs=12, seed=6)
    require_equal_continuations(source, policy, earlier)


def test_sequences_that_wait_for_their_prefill_continue():
    earlier, policy = advanced("continuous", epochs=12, seed=6)
    require_equal_continuations(flooded(), policy, earlier)


def flooded():
    """A simulator of continuous batching in which some sequence of the row waits for its prefill."""
    simulator, _ = advanced("continuous", epochs=0)
    rows, slots = simulator.rows, simulator.scenario.slots
    nodes = simulator.state.nodes
    while not (nodes.admitted - nodes.prefilled)[ROW].any():
        allowed = np.argsort(simulator.admissible()[:, :, 1:] * (np.arange(4) + 1), axis=2)[:, :, -1] + 1
        simulator.step(allowed, np.full((rows, slots, 2), 0.5))
    return simulator


def require_equal_continuations(source, policy, earlier):
    """The plain way: the whole row by a snapshot, then only what lies ahead is written over it."""
    futures = Futures(source.scenario, 2, 2, AHEAD)
    futures.draw(earlier, 0, np.random.default_rng(3))  # what it leaves behind must have no effect
    for _ in range(AHEAD):
        step(futures.simulator, policy)
    futures.draw(source, ROW, np.random.default_rng(4))
    copy, past = whole_copies(source, futures.simulator), PASTS[source.scenario.variant](source, ROW)
    overwrite_future(copy, futures.simulator, past)
    assert_same(observed(futures.simulator), observed(copy))
    for _ in range(AHEAD):
        found, expected = step(futures.simulator, policy), step(copy, policy)
        assert_same(found._asdict(), expected._asdict())
        assert_same(observed(futures.simulator), observed(copy))
    assert futures.simulator.conserves() == copy.conserves()
    assert found.metrics.any()


def whole_copies(source, futures):
    copy = Simulator(source.scenario, futures.rows)
    copy.reserve(futures.capacity)
    for row in range(futures.rows):
        copy.restore(source.snapshot(ROW), row)
    if source.scenario.variant == "streaming":  # idle intervals end at the end of the array
        shift = copy.capacity - source.capacity
        copy.state.servers.idle_s[:, shift:] = source.state.servers.idle_s[ROW]
        copy.state.servers.idle_first[:] = source.state.servers.idle_first[ROW] + shift
    return copy


def overwrite_future(copy, futures, past):
    """Writes what lies ahead of the rows of `futures` into those of `copy`."""
    epoch = int(futures.state.epoch[0])
    copy.tape.channels.spectral_efficiency[:, epoch + 1 :] = futures.tape.channels.spectral_efficiency[:, epoch + 1 :]
    copy.tape.requests.length[:] = futures.tape.requests.length
    for (name, target), (_, given) in zip(leaves(copy.tape), leaves(futures.tape), strict=True):
        if not name.startswith("channels.") and name not in ("requests.length", "requests.clipped"):
            end = futures.tape.requests.length.max()
            target[:, past.arrived : end] = given[:, past.arrived : end]
            if name.startswith("exits."):
                target[:, past.pending] = given[:, past.pending]


@every_dynamics
def test_copies_share_their_futures_and_futures_differ(key):
    source, policy = advanced(key)
    futures = drawn(source, count=3, copies=2)
    rewards = np.stack([step(futures, policy).reward for _ in range(AHEAD)])
    np.testing.assert_array_equal(rewards[:, :3], rewards[:, 3:])
    lengths = futures.tape.requests.arrival_s[:3, PASTS[source.scenario.variant](source, ROW).arrived :]
    assert not np.array_equal(lengths[0], lengths[1])


@every_dynamics
def test_the_true_future_is_not_used(key):
    source, policy = advanced(key)
    before = drawn(source, seed=7)
    spoil(source)
    after = drawn(source, seed=7)
    for _ in range(AHEAD):
        assert_same(observed(before), observed(after))
        assert_same(step(before, policy)._asdict(), step(after, policy)._asdict())


def spoil(source):
    """Overwrites what a policy cannot know: later requests and channels, exits of requests that are not computed."""
    past = PASTS[source.scenario.variant](source, ROW)
    source.tape.channels.spectral_efficiency[ROW, int(source.state.epoch[ROW]) + 1 :] = 0.123
    source.tape.requests.length[ROW] = past.arrived
    for name, array in leaves(source.tape):
        if not name.startswith("channels.") and name not in ("requests.length", "requests.clipped"):
            array[ROW, past.arrived :] = 1
        if name in ("exits.confidence", "exits.correct", "exits.route"):
            array[ROW, past.pending] = 0


@every_dynamics
def test_later_requests_follow_the_law_of_fresh_tapes(key):
    """Counts, gaps, lengths and budgets of 300 futures against 300 tapes of their own seeds, by two-sample z tests."""
    source, _ = advanced(key)
    scenario, past = source.scenario, PASTS[source.scenario.variant](source, ROW)
    span_s, fresh = AHEAD * scenario.epoch_s, Simulator(scenario, 1)
    futures = Futures(scenario, 300, 1, AHEAD)
    futures.draw(source, ROW, np.random.default_rng(8))
    found, expected = [], []
    for future in range(300):
        fresh.reset(0, np.random.default_rng((9, future)))
        found.append(features(futures.simulator, future, past.arrived, past.now_s, span_s))
        expected.append(features(fresh, 0, 0, 0.0, span_s))
    found, expected = np.array(found), np.array(expected)
    error = np.sqrt((found.var(axis=0) + expected.var(axis=0)) / 300)
    assert (np.abs(found.mean(axis=0) - expected.mean(axis=0)) < 4.5 * error).all()
    assert futures.simulator.tape.requests.arrival_s[:, past.arrived].min() >= past.now_s


def features(simulator, row, first, begin_s, span_s):
    """Number of requests within a span, and sums over them, of which each is a mean over tapes."""
    requests = simulator.tape.requests
    end = requests.length[row]
    inside = first + np.flatnonzero(requests.arrival_s[row, first:end] < begin_s + span_s)
    since_s = requests.arrival_s[row, inside] - begin_s
    budget_s = requests.deadline_s[row, inside] - requests.arrival_s[row, inside]
    half = (since_s < span_s / 2).sum()
    sums = [since_s, budget_s, requests.output_tokens[row, inside], requests.device[row, inside]]
    return [inside.size, half, *(array.sum() for array in sums)]


def test_large_scale_channels_stay_and_fading_goes_on():
    """Mean of the later power gains over 4000 futures: rho^2 p + 1 - rho^2 of the present ones, link by link."""
    source, _ = advanced("batching", epochs=3)
    futures = Futures(source.scenario, 4000, 1, 2)
    futures.draw(source, ROW, np.random.default_rng(10))
    epoch, mean_snr = int(source.state.epoch[ROW]), source.mean_snr[ROW]
    efficiency = futures.simulator.tape.channels.spectral_efficiency[:, epoch + 1].astype(np.float64)
    present = source.tape.channels.spectral_efficiency[ROW, epoch].astype(np.float64)
    cap = source.scenario.channel.spectral_efficiency_cap
    free = (efficiency < cap * (1 - 1e-6)).all(axis=0) & (present < cap * (1 - 1e-6))
    assert free.sum() >= 4
    power = (2**efficiency - 1) / mean_snr
    kept = source.scenario.fading_correlation**2
    expected = kept * (2**present - 1) / mean_snr + 1 - kept
    error = power.std(axis=0) / np.sqrt(4000)
    assert (np.abs(power.mean(axis=0) - expected) < 5 * error)[free].all()


def test_a_fixed_phase_of_the_day_goes_on_from_now():
    """At full depth no request arrives where the sine is at its lowest, whatever the time at which futures begin."""
    day = {"process": "day-cycle", "rate_per_s": 4.0, "depth": 1.0, "period_s": 160.0, "phase": 0.5}
    scenario = load_scenario("single-node", {"horizon_epochs": 40, "arrivals": day})
    simulator = Simulator(scenario)
    simulator.reset(0, np.random.default_rng(0))
    policy, counts = make_linear(scenario, search="quick"), {}
    for epoch in range(30):
        if epoch in (8, 28):  # from 36 s, about the lowest rate at 40 s, and from 116 s, about the highest one
            futures = Futures(scenario, 50, 1, 2)
            futures.draw(simulator, 0, np.random.default_rng(epoch))
            arrival_s = futures.simulator.tape.requests.arrival_s[:, simulator.state.queue.next_arrival[0] :]
            now_s = (epoch + 1) * 4.0
            counts[epoch] = ((arrival_s >= now_s) & (arrival_s < now_s + 8.0)).sum() / 50
        step(simulator, policy)
    assert counts[8] < 2.0
    assert counts[28] > 55.0


def test_a_row_without_mean_snr_is_refused():
    source, _ = advanced("batching", epochs=1)
    source.mean_snr[ROW] = np.nan
    with pytest.raises(ValueError, match="mean SNR of the row's links, which its tape lacks"):
        drawn(source)


def test_snapshots_and_copies_keep_the_mean_snr():
    source, _ = advanced("batching", epochs=1)
    other = Simulator(source.scenario, 2)
    other.restore(source.snapshot(ROW), 0)
    other.copy_rows(np.array([0]), np.array([1]))
    np.testing.assert_array_equal(other.mean_snr, source.mean_snr[[ROW, ROW]])
