"""The tape of a stream: rows of the profile, drift, routes and the radio's floor."""

import numpy as np
import pytest
from scipy import stats

from edge_llm_gym.models.exits import exit_profile
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.scenario.sections import DriftSection
from edge_llm_gym.sim.exit_rows import difficulty_shift, shifted_quantile
from edge_llm_gym.sim.records import leaves
from edge_llm_gym.sim.simulator import Simulator


def drawn(**overrides):
    scenario = load_scenario("early-exit", {"exits.profile": "parametric"} | overrides)
    simulator = Simulator(scenario)
    simulator.reset(0, np.random.default_rng(0))
    return simulator.tape, int(simulator.tape.requests.length[0])


@pytest.mark.parametrize("difficulty_shift", [-1.0, -0.4, 0.0, 1e-9, 0.7, 1.0])
def test_tilted_numbers_have_the_tilted_law(difficulty_shift):
    """Kolmogorov-Smirnov against the distribution function (1 - c) u + c u^2."""
    numbers = shifted_quantile(np.random.default_rng(0).random(20_000), difficulty_shift)
    assert stats.kstest(numbers, lambda u: (1 - difficulty_shift) * u + difficulty_shift * u**2).pvalue > 1e-4
    assert 0.0 <= numbers.min() <= numbers.max() <= 1.0


def test_tilting_keeps_the_ends():
    for shift in (-1.0, 0.0, 1.0):
        assert shifted_quantile(np.array([0.0, 1.0]), shift).tolist() == [0.0, 1.0]


def test_the_swing_starts_at_its_phase():
    drift = DriftSection(period_s=10.0, depth=0.5, phase=0.25)
    np.testing.assert_allclose(
        difficulty_shift(drift, np.array([0.0, 2.5, 5.0]), phase=0.9), [0.5, 0.0, -0.5], atol=1e-12
    )
    free = DriftSection(period_s=10.0, depth=0.5)
    np.testing.assert_allclose(difficulty_shift(free, np.array([0.0]), phase=0.75), [-0.5])


@pytest.mark.compiled
def test_drift_moves_the_mix_and_keeps_the_mean():
    """Mean difficulty is 1/2 +- depth / 6 at the extremes of the drift, and 1/2 over whole periods."""
    tape, size = drawn(**{
        "arrivals": {"process": "poisson", "rate_per_s": 100.0},
        "horizon_epochs": 400,
        "exits.drift": {"period_s": 40.0, "depth": 0.9, "phase": 0.0},
    })  # fmt: skip
    profile = exit_profile("parametric")
    # the first exit's confidence identifies the row
    order = np.argsort(profile.confidence[:, 0])
    row = order[np.searchsorted(profile.confidence[order, 0], tape.exits.confidence[0, :size, 0])]
    np.testing.assert_array_equal(profile.confidence[row], tape.exits.confidence[0, :size])
    difficulty, place = profile.difficulty[row], (tape.requests.arrival_s[0, :size] % 40.0) / 40.0
    assert difficulty.mean() == pytest.approx(0.5, abs=0.01)
    hard, easy = (np.abs(place - where) < 0.05 for where in (0.25, 0.75))
    assert difficulty[hard].mean() == pytest.approx(0.5 + 0.9 / 6, abs=0.02)
    assert difficulty[easy].mean() == pytest.approx(0.5 - 0.9 / 6, abs=0.02)


@pytest.mark.compiled
def test_every_episode_has_a_drift_with_a_phase_of_its_own():
    """Phases found by the first Fourier coefficient of the difficulty, also of episodes that are written together."""
    period_s, rows = 25.0, 60
    scenario = load_scenario("early-exit", {
        "exits.profile": "parametric",
        "exits.drift": {"period_s": period_s, "depth": 0.9},
        "arrivals": {"process": "poisson", "rate_per_s": 40.0},
        "horizon_epochs": 50,
    })  # fmt: skip
    simulator, profile = Simulator(scenario, rows), exit_profile("parametric")
    simulator.reset_rows(range(rows), [np.random.default_rng(seed) for seed in range(rows)])
    order, requests = np.argsort(profile.confidence[:, 0]), simulator.tape.requests
    phases = []
    for row, size in enumerate(requests.length):
        confidence = simulator.tape.exits.confidence[row, :size, 0]
        difficulty = profile.difficulty[order[np.searchsorted(profile.confidence[order, 0], confidence)]]
        turns = np.exp(-2j * np.pi * requests.arrival_s[row, :size] / period_s)
        phases.append(np.angle(1j * ((difficulty - 0.5) * turns).sum()) / (2.0 * np.pi) % 1.0)
    assert stats.kstest(phases, "uniform").pvalue > 1e-4
    assert np.unique(np.round(phases, 2)).size > rows // 2  # about 45 of the hundredths


@pytest.mark.compiled
def test_without_drift_rows_are_uniform_and_whole():
    tape, size = drawn(**{
        "arrivals": {"process": "poisson", "rate_per_s": 200.0}, "horizon_epochs": 100, "exits.drift": None,
    })  # fmt: skip
    profile = exit_profile("parametric")
    known = {(*confidence, *right) for confidence, right in zip(profile.confidence, profile.correct, strict=True)}
    drawn_rows = zip(tape.exits.confidence[0, :size], tape.exits.correct[0, :size], strict=True)
    assert {(*confidence, *right) for confidence, right in drawn_rows} <= known
    accuracy = tape.exits.correct[0, :size].mean(axis=0)
    np.testing.assert_allclose(accuracy, profile.accuracy, atol=4 * 0.5 / np.sqrt(size))


def test_drift_changes_only_which_rows_are_drawn():
    with_drift, size = drawn()
    without, _ = drawn(**{"exits.drift": None})
    for (field, array), (_, other) in zip(leaves(with_drift), leaves(without), strict=True):
        same = np.array_equal(array[0], other[0])
        assert same == (field not in ("exits.confidence", "exits.correct")), field
    assert size > 500


@pytest.mark.compiled
def test_routing_numbers_are_uniform_and_independent():
    tape, size = drawn(arrivals={"process": "poisson", "rate_per_s": 200.0})
    route = tape.exits.route[0, :size]
    for stage in range(3):
        assert stats.kstest(route[:, stage], "uniform").pvalue > 1e-4
    assert (np.abs(np.corrcoef(route.T)[np.triu_indices(3, 1)]) < 4 / np.sqrt(size)).all()


def test_the_radio_never_falls_below_its_floor():
    tape, _ = drawn(**{"channel.spectral_efficiency_floor": 0.5})
    lower, _ = drawn(**{"channel.spectral_efficiency_floor": 0.25})
    assert tape.channels.spectral_efficiency.min() == 0.5
    np.testing.assert_array_equal(
        np.maximum(lower.channels.spectral_efficiency, 0.5), tape.channels.spectral_efficiency
    )
