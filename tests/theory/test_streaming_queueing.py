"""Queueing theory against the transition: waits, product form, Little's law and thinning, within confidence bounds.

Each value is the mean over independent runs on hand-made tapes, warm-up left out, and the exact value must lie within
99.9 % of it; the bound must be tight enough for an error of some percent to show.
"""

import numpy as np
import pytest
from scipy import stats

from edge_llm_gym.models.exits import exit_profile
from edge_llm_gym.scenario.metrics import STREAMING_COLUMN
from tests.sim.streams import act, by_hand, run, staged

RUNS, REQUESTS, WARM_UP = 24, 25_000, 0.3
CONFIDENCE = 0.999


def agrees(samples, exact: float, tightness: float) -> None:
    """The exact mean lies within the samples' confidence interval, which is no wider than `tightness` * exact."""
    samples = np.asarray(samples)
    half = stats.t.ppf(0.5 + CONFIDENCE / 2, samples.size - 1) * samples.std(ddof=1) / np.sqrt(samples.size)
    assert half < tightness * exact, f"half-width {half:.4g} of {exact:.4g} shows nothing"
    assert abs(samples.mean() - exact) < half, f"{samples.mean():.5g} +- {half:.2g}, exact {exact:.5g}"


def poisson_times(rng, rate_per_s: float, count: int = REQUESTS):
    return np.cumsum(rng.exponential(1.0 / rate_per_s, count))


def settled(values):
    """What comes after the warm-up."""
    return values[int(WARM_UP * len(values)) :]


def over_epochs(arrival_s, epochs: int) -> dict[str, float | int]:
    """Settings that spread these arrivals over so many epochs."""
    return {"epoch_s": float(arrival_s[-1]) * 1.000001 / epochs, "horizon_epochs": epochs}


def constant(rng, size):
    return np.ones(size)


def exponential(rng, size):
    return rng.exponential(1.0, size)


def hyperexponential(rng, size):
    """Mean 1, second moment 4: with probability .9 a mean of .5, else of 5.5, fitted to E[S] = 1."""
    return rng.exponential(np.where(rng.random(size) < 0.9, 0.5, 5.5))


SERVICES = {
    "constant": (constant, 1.0),
    "exponential": (exponential, 2.0),
    "hyperexponential": (hyperexponential, 2 * (0.9 * 0.5**2 + 0.1 * 5.5**2)),
}
LOADS = {0.3: (REQUESTS, 0.08), 0.6: (REQUESTS, 0.08), 0.9: (6 * REQUESTS, 0.1)}
"""Load -> requests in a run, tightness of the bound: waits at high load are long and closely tied to one another."""


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("law", SERVICES)
def test_waits_of_a_single_server_are_pollaczek_and_khinchines(law, load):
    """M/D/1, M/M/1 and M/G/1: E[W] = rate E[S^2] / (2 (1 - load)); over many epochs, so that backlogs carry over."""
    (draw, square_s2), (count, tightness), waits = SERVICES[law], LOADS[load], []
    for seed in range(RUNS):
        rng = np.random.default_rng([seed, int(10 * load)])
        arrival_s, service_s = poisson_times(rng, load, count), draw(rng, count)
        simulator = by_hand(staged([1], **over_epochs(arrival_s, 500)), arrival_s, service_s=service_s[:, None])
        run(simulator)
        waits.append(settled(simulator.state.requests.start_s[0, :, 0] - arrival_s).mean())
    agrees(waits, load * square_s2 / (2 * (1 - load)), tightness)


def tandem(rng, loads, epochs: int = 1):
    """Three exponential servers of rate 1 / load in a row, fed at rate 1."""
    arrival_s = poisson_times(rng, 1.0)
    service_s = np.zeros((REQUESTS, 4))
    service_s[:, :3] = rng.exponential(loads, (REQUESTS, 3))
    confidence = np.zeros((REQUESTS, 4))
    confidence[:, 2] = 1.0
    scenario = staged([1, 1, 1], **over_epochs(arrival_s, epochs))
    simulator = by_hand(scenario, arrival_s, service_s=service_s, confidence=confidence)
    run(simulator)
    return simulator


def test_a_tandem_of_exponential_servers_has_product_form():
    """Jackson 1957: queue lengths at an instant are independent and geometric. Sampled at unrelated instants."""
    loads = np.array([0.5, 0.7, 0.6])
    seen = {(0, 0, 0): [], (1, 0, 1): [], (0, 2, 0): [], (2, 1, 1): []}
    for seed in range(RUNS):
        rng = np.random.default_rng(seed)
        state = tandem(rng, loads).state
        instant_s = np.sort(rng.uniform(WARM_UP, 1.0, 20_000) * state.requests.reach_s[0, -1, 0])
        length = np.stack(
            [
                np.searchsorted(np.sort(state.requests.reach_s[0, :, stage]), instant_s, side="right")
                - np.searchsorted(np.sort(state.requests.finish_s[0, :, stage]), instant_s, side="right")
                for stage in range(3)
            ]
        )
        for lengths, shares in seen.items():
            shares.append((length == np.array(lengths)[:, None]).all(axis=0).mean())
    for lengths, shares in seen.items():
        agrees(shares, float(np.prod((1 - loads) * loads ** np.array(lengths))), 0.2)


def test_sojourns_along_a_tandem_are_independent_and_exponential():
    """Reich 1963: at each server exponential with mean 1 / (rate of service - rate of arrivals), and uncorrelated."""
    loads = np.array([0.5, 0.7, 0.6])
    means, correlations = [], []
    for seed in range(RUNS):
        state = tandem(np.random.default_rng(seed), loads, epochs=50).state
        sojourn_s = settled(state.requests.finish_s[0] - state.requests.reach_s[0])
        means.append(sojourn_s.mean(axis=0))
        correlations.append(np.corrcoef(sojourn_s.T)[[0, 0, 1], [1, 2, 2]])
    for stage in range(3):
        agrees(np.array(means)[:, stage], 1 / (1 / loads[stage] - 1), 0.1)
    half = stats.t.ppf(0.5 + CONFIDENCE / 2, RUNS - 1) * np.std(correlations, axis=0, ddof=1) / np.sqrt(RUNS)
    assert (half < 0.03).all()
    assert (np.abs(np.mean(correlations, axis=0)) < half).all()


def test_splitting_merging_and_leaving_keep_product_form():
    """A Jackson network: routes and exits are drawn by shares, every node behaves as an M/M/1 of its own rate."""
    split, onward, rates = 0.3, 0.6, np.array([0.3, 0.7, 0.6])
    mean_s = np.array([2.0, 0.8, 1.1])
    sojourns = []
    for seed in range(RUNS):
        rng = np.random.default_rng(seed)
        arrival_s = poisson_times(rng, 1.0)
        service_s = np.zeros((REQUESTS, 5))
        service_s[:, :3] = rng.exponential(mean_s, (REQUESTS, 3))
        confidence = np.ones((REQUESTS, 4))
        confidence[:, 0] = rng.random(REQUESTS)
        simulator = by_hand(
            staged([2, 1], **over_epochs(arrival_s, 1)),
            arrival_s,
            service_s=service_s,
            confidence=confidence,
            route=rng.random((REQUESTS, 2)),
        )
        run(simulator, [[split, 1 - split, 0], *[[0, 0, 1]] * 3], [onward, onward, 0.0])
        state, late = simulator.state, slice(int(WARM_UP * REQUESTS), None)
        sojourn_s = (state.requests.finish_s - state.requests.reach_s)[0, late]
        sojourns.append(
            [sojourn_s[:, 0][state.requests.node[0, late, 0] == node].mean() for node in (1, 2)]
            + [sojourn_s[:, 1][state.requests.node[0, late, 1] == 3].mean()]
        )
    for node in range(3):
        agrees(np.array(sojourns)[:, node], 1 / (1 / mean_s[node] - rates[node]), 0.1)


def test_littles_law_and_the_utilisation_law():
    """Requests in the network, counted at the ends of epochs = rate * mean delay; busy share = rate * mean service."""
    rate_per_s, mean_s, epochs = 2.0, np.array([0.35, 0.2]), 2000
    surplus, busy = [], []
    for seed in range(RUNS):
        rng = np.random.default_rng(seed)
        arrival_s = poisson_times(rng, rate_per_s, 20_000)
        service_s = np.zeros((20_000, 4))
        service_s[:, :2] = rng.exponential(mean_s, (20_000, 2))
        confidence = np.ones((20_000, 4))
        confidence[:, 0] = 0.0
        scenario = staged([1, 1], **over_epochs(arrival_s, epochs))
        simulator = by_hand(scenario, arrival_s, service_s=service_s, confidence=confidence)
        levels, shares = [], []
        while not simulator.ended()[0]:
            metrics = act(simulator, np.ones((3, 2)), [0.5, 0.5]).metrics[0]
            levels.append(metrics[STREAMING_COLUMN["in_flight"]])
            shares.append(metrics[STREAMING_COLUMN["utilisation"]])
        delay_s = settled(simulator.state.requests.delay_s[0])
        surplus.append(np.mean(settled(levels)) / (rate_per_s * delay_s.mean()))
        busy.append(np.mean(settled(shares)))
    agrees(surplus, 1.0, 0.05)
    agrees(busy, rate_per_s * mean_s.mean(), 0.02)


def test_exits_thin_the_stream_as_the_profile_says():
    """With thresholds on a table, each exit takes its share of the rows, and nodes see what is left."""
    profile, count = exit_profile("parametric"), 40_000
    threshold = np.array([0.8, 0.85, 0.87], np.float32)
    rng = np.random.default_rng(0)
    row = rng.integers(profile.rows, size=count)
    simulator = by_hand(
        staged([1, 1, 1], horizon_epochs=1, epoch_s=1.0),
        np.linspace(0.0, 0.99, count),
        confidence=profile.confidence[row],
        correct=profile.correct[row],
    )
    result = act(simulator, np.ones((4, 3)), threshold)
    left = result.metrics[0, -4:]
    expected = np.bincount(profile.exit_of([*threshold, 0.0]), minlength=4) / profile.rows
    expected_error = np.sqrt(expected * (1 - expected) / count)
    assert (np.abs(left / count - expected) < 4 * expected_error).all()
    np.testing.assert_array_equal(simulator.state.sent_last[0], [count, count - left[0], count - left[:2].sum()])
    accuracy = result.metrics[0, STREAMING_COLUMN["accuracy"]]
    expected_accuracy = profile.expected_accuracy([*threshold, 0.0]) / profile.full_accuracy
    assert accuracy == pytest.approx(expected_accuracy, abs=4 * 0.5 / np.sqrt(count) / profile.full_accuracy)
