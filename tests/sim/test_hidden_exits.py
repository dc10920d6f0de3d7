"""Exits drawn anew: the law of the profile's rows, and the phase of the drift by enumeration."""

import math

import numpy as np

from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.exit_observation import CONFIDENCE_BINS
from edge_llm_gym.sim.exit_rows import ProfileRows
from edge_llm_gym.sim.hidden_exits import PHASES, DriftPhase, HiddenExits, SeenExits

EXITS = load_scenario("joint", {"exits.drift.depth": 0.8, "exits.drift.period_s": 40.0}).exits
PROFILE = ProfileRows(EXITS).profile
NOTHING = SeenExits(np.zeros(0), np.zeros(0, np.float32))


def seen_exits(phase, count=400):
    """Requests over two periods whose exits were drawn under a phase."""
    rng, arrival_s = np.random.default_rng(0), np.linspace(0.0, 80.0, count)
    drift = EXITS.drift.model_copy(update={"phase": phase})
    confidence, _ = HiddenExits(EXITS).draw(rng, drift, NOTHING, arrival_s)
    return SeenExits(arrival_s, confidence[:, 0])


def by_enumeration(seen):
    """Probabilities of the phases, row by row of the profile."""
    order = np.argsort(PROFILE.difficulty, kind="stable")
    column = [min(int(PROFILE.confidence[row, 0] * CONFIDENCE_BINS), CONFIDENCE_BINS - 1) for row in order]
    logarithm = []
    for phase in range(PHASES):
        total = 0.0
        for time_s, confidence in zip(*seen, strict=True):
            shift = 0.8 * math.sin(2 * math.pi * (time_s / 40.0 + phase / PHASES))
            own = min(int(confidence * CONFIDENCE_BINS), CONFIDENCE_BINS - 1)
            weights = [1 + shift * (2 * (rank + 0.5) / len(order) - 1) for rank, bin in enumerate(column) if bin == own]
            total += math.log(sum(weights) / len(order))
        logarithm.append(total)
    weight = np.exp(np.array(logarithm) - max(logarithm))
    return weight / weight.sum()


def test_probabilities_of_phases_are_those_of_the_enumeration():
    seen = SeenExits(*(array[::80] for array in seen_exits(0.25)))
    np.testing.assert_allclose(DriftPhase(PROFILE).probabilities(EXITS.drift, seen), by_enumeration(seen), rtol=1e-6)


def test_many_exits_reveal_the_phase():
    for phase in (0.1, 0.6):
        likely = DriftPhase(PROFILE).probabilities(EXITS.drift, seen_exits(phase)).argmax() / PHASES
        assert min(abs(likely - phase), 1 - abs(likely - phase)) < 0.1


def test_without_exits_all_phases_are_equally_likely():
    np.testing.assert_allclose(DriftPhase(PROFILE).probabilities(EXITS.drift, NOTHING), 1 / PHASES)


def test_drawn_exits_follow_the_phase_that_was_revealed():
    """Mean rank under a known shift c is 1/2 + c/6; the profile's row is recognised by its confidences."""
    hidden, rng = HiddenExits(EXITS), np.random.default_rng(1)
    peak_s = np.full(3000, 40.0 * (0.25 - 0.1) + 80.0)  # the shift is largest at the phase 0.1
    confidence, correct = hidden.draw(rng, EXITS.drift, seen_exits(0.1, 2000), peak_s)
    order = np.argsort(PROFILE.difficulty, kind="stable")
    sorted_confidence = PROFILE.confidence[order]
    shift, rank = 0.8, (np.arange(len(order)) + 0.5) / len(order)
    weight = (1 + shift * (2 * rank - 1)) / len(order)
    for exit in range(confidence.shape[1]):
        mean = (weight * sorted_confidence[:, exit]).sum()
        deviation = np.sqrt((weight * sorted_confidence[:, exit] ** 2).sum() - mean**2)
        assert abs(confidence[:, exit].mean() - mean) < 5 * deviation / np.sqrt(3000) + 0.01 * deviation
    assert abs(correct[:, -1].mean() - (weight * PROFILE.correct[order, -1]).sum()) < 5 * 0.5 / np.sqrt(3000)
