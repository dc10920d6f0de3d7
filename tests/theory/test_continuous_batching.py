"""Laws of continuous batching: conservation, Little's law, causality, and completions that no later join hastens."""

import numpy as np
import pytest

from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.scenario.metrics import CONTINUOUS_COLUMN as COLUMN
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, EXPIRED, LATE, RUNNING, SERVED, WAITING
from edge_llm_gym.sim.pooled.continuous.observation import ContinuousObserver
from edge_llm_gym.sim.simulator import Simulator
from tests.sim.fields import array_of

FLOWS = ("served", "late", "below_quality", "expired")


def random_action(rng, simulator):
    shape = (simulator.rows, simulator.scenario.slots)
    batch = rng.integers(simulator.nodes + 1, size=shape)
    batch[rng.random(shape) < rng.random()] = 0
    return batch, rng.random((*shape, 2))


def drawn(rows=1, seed=0, **overrides) -> Simulator:
    simulator, rng = Simulator(load_scenario("continuous", overrides), rows=rows), np.random.default_rng(seed)
    for row in range(rows):
        simulator.reset(row, rng)
    return simulator


@pytest.mark.parametrize("sigma", [0.0, 1.0])
def test_random_actions_conserve_requests(sigma):
    tight = {"nodes.0.memory_fraction": 0.385, "nodes.1.memory_fraction": 0.235, "requests.budget_s": [20.0, 60.0]}
    simulator, rng = drawn(rows=20, **tight, **{"lengths.prediction.sigma": sigma}), np.random.default_rng(0)
    seen, sums = np.zeros(10), np.zeros((20, len(COLUMN)))
    while not simulator.ended().any():
        result = simulator.step(*random_action(rng, simulator))
        sums += result.metrics
        assert simulator.conserves()
        assert (result.metrics >= 0).all()
        metric = {name: result.metrics[:, column] for name, column in COLUMN.items()}
        refused = sum(metric[f"refused_{why}"] for why in ("uplink", "downlink", "memory"))
        assert (metric["requested"] == refused + metric["admitted"]).all()
        assert (metric["utilisation"] <= 1 + 1e-12).all()
        nodes, outcome = simulator.state.nodes, simulator.state.requests.outcome
        running = (outcome == RUNNING).sum(axis=1)
        assert (metric["running"] == running).all()
        total = {name: simulator.state.totals[:, COLUMN[name]] for name in (*FLOWS, "arrived", "evicted")}
        left = sum(total[name] for name in FLOWS)
        assert (total["arrived"] == left + metric["pending"] + running).all()
        assert (total["evicted"] <= total["late"]).all()
        capacity = simulator._dynamics.constants.capacity_tokens
        assert (nodes.held_tokens <= capacity * (1 + 1e-9)).all()
        assert (nodes.reserved_tokens <= capacity * (1 + 1e-9)).all()
        if sigma == 0:
            assert (nodes.held_tokens <= nodes.reserved_tokens).all()
    totals = {name: simulator.state.totals[:, column] for name, column in COLUMN.items()}
    assert (totals["running"] == metric["running"]).all()
    np.testing.assert_allclose(totals["mean_ttft_s"], totals["ttft_s"] / totals["first_tokens"])
    np.testing.assert_allclose(totals["mean_tpot_s"], totals["tpot_s"] / totals["decoded"])
    epochs = simulator.scenario.horizon_epochs
    np.testing.assert_allclose(totals["goodput_per_s"], totals["served"] / (epochs * simulator.scenario.epoch_s))
    for row in range(simulator.rows):
        seen += np.bincount(simulator.state.requests.outcome[row], minlength=10)
    assert (seen[[WAITING, SERVED, LATE, BELOW_QUALITY, EXPIRED, RUNNING]] > 0).all()
    assert (sums[:, COLUMN["evicted"]].sum() > 0) == (sigma > 0)


def test_littles_law():
    """The time average of the sequences on the nodes equals their sojourn times per unit of time.

    The average is taken from the state at many times: the number of boundaries between admission and end.
    """
    simulator = drawn(seed=3, horizon_epochs=400, epoch_s=1.0, uplink_slot_s=0.1, downlink_slot_s=0.1)
    rng, levels = np.random.default_rng(1), []
    while not simulator.ended()[0]:
        simulator.step(*random_action(rng, simulator))
        levels.append(float((simulator.state.requests.outcome[0] == RUNNING).sum()))
    state, epochs = simulator.state, len(levels)
    admitted_at = np.repeat(np.arange(epochs), np.diff(state.admissions.until[0])) + 1.0
    request = state.admissions.request[0, : admitted_at.size]
    ended = state.requests.outcome[0, request] != RUNNING
    end_s = np.where(ended, state.requests.finish_s[0, request, 0], epochs + 1.0)
    # decision times are 1, 2, ...: a sequence counts at those after its admission and before its end
    counted = np.ceil(end_s) - admitted_at - 1.0 + np.where(ended, 0.0, 1.0)
    assert sum(levels) == counted.sum()
    rate_per_s, sojourn_s = admitted_at.size / epochs, (end_s - admitted_at).mean()
    # at a decision time the level is seen just before admissions, so that each sojourn counts half an epoch less
    assert np.mean(levels) + rate_per_s / 2 == pytest.approx(rate_per_s * sojourn_s, rel=0.02)


def test_observations_never_read_ahead():
    """Scrambling what is not known yet, true lengths included, leaves the observation as it is."""
    simulator, rng = drawn(seed=3, **{"lengths.prediction.sigma": 0.6}), np.random.default_rng(4)
    observer = ContinuousObserver(simulator)
    for _ in range(25):
        simulator.step(*random_action(rng, simulator))
    before = observer.observe()
    state, requests = simulator.state, simulator.tape.requests
    assert (state.nodes.running[0] > 0).any()
    fresh = state.queue.next_arrival[0]
    for name in ("deadline_s", "prompt_tokens", "output_tokens", "predicted_tokens", "value", "quality_demand"):
        array_of(requests, name)[0, fresh:] = 1
    epoch = state.epoch[0]
    simulator.tape.channels.spectral_efficiency[0, epoch + 1 :] = 0
    requests.answer_bits[0] = 1.0
    waiting = state.queue.request[0, : state.queue.length[0]]
    requests.output_tokens[0, waiting] = 7
    simulator.tape.cost_drivers[0, waiting, 2:] = 1.0
    for node in range(simulator.nodes):
        for request in state.nodes.request[0, node, : state.nodes.running[0, node]]:
            requests.output_tokens[0, request] += 100
            state.sequences.last_iteration[0, request] += 100
    after = observer.observe()
    for key, value in before.items():
        np.testing.assert_array_equal(value, after[key], err_msg=key)
    assert simulator.admissible().any()


def test_later_joins_never_hasten_a_sequence():
    """A run in which more requests join from some epoch on: sequences that had joined before end no earlier."""
    slower = 0
    for seed in range(6):
        ends_s = {}
        for joins in (False, True):
            rng, simulator = np.random.default_rng(seed), drawn(seed=seed, horizon_epochs=30)
            for epoch in range(30):
                batch, bandwidth = random_action(rng, simulator)
                if epoch >= 6 and not (joins and epoch == 6):
                    batch[:] = 0
                if epoch == 6:
                    earlier = np.flatnonzero(simulator.state.requests.outcome[0] == RUNNING)
                simulator.step(batch, np.ones_like(bandwidth))
            ends_s[joins] = simulator.state.requests.finish_s[0, earlier, 0]
        assert (ends_s[True] >= ends_s[False] - 1e-9).all()
        slower += (ends_s[True] > ends_s[False] + 1e-6).sum()
    assert slower > 3
