"""Exits of requests and accuracy relative to the last exit, against a profile of five rows solved by hand."""

import numpy as np
import pytest

from edge_llm_gym.models.exits import ExitProfile, exit_profile, parametric_profile
from edge_llm_gym.sim.exits import exit_table, last_block_of, mean_accuracy, relative_accuracy, single_exit_table

ROWS = ExitProfile(
    "five rows",
    confidence=[[0.9, 0.9], [0.7, 0.8], [0.5, 0.6], [0.3, 0.9], [0.1, 0.2]],
    correct=[[1, 1], [1, 0], [0, 1], [0, 1], [0, 0]],
)


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (0.0, 2 / 3),  # right at exit 1: rows 0 and 1; at the last exit: rows 0, 2 and 3
        (0.1, 2 / 3),
        (0.2, 2 / 3),  # without row 4, which is wrong at both
        (0.4, 1.0),  # rows 0 to 2: two and two
        (0.6, 1.0),  # rows 0 and 1: two and one, at most 1
        (0.9, 1.0),
        (0.95, 1.0),  # no row
    ],
)
def test_relative_accuracy_compares_the_same_rows(threshold, expected):
    table = exit_table(ROWS)
    assert relative_accuracy(table, 0, np.float32(threshold)) == pytest.approx(expected)
    assert relative_accuracy(table, 1, np.float32(threshold)) == 1.0


def test_rows_that_the_last_exit_answers_wrongly_say_nothing_about_the_loss():
    profile = ExitProfile("one row", confidence=[[0.5, 0.5]], correct=[[0, 0]])
    assert relative_accuracy(exit_table(profile), 0, np.float32(0.0)) == 1.0
    assert exit_table(profile).full_accuracy == 1.0  # a divisor without effect: no answer is correct


def test_without_early_exits_answers_count_as_full():
    assert relative_accuracy(single_exit_table(), 0, np.float32(0.5)) == 1.0


@pytest.mark.parametrize("profile", [exit_profile("stdlib-lm"), parametric_profile(overconfidence=2.0, noise=0.3)])
def test_the_claim_equals_what_the_rows_that_leave_at_the_first_exit_get(profile):
    table = exit_table(profile)
    for threshold in np.float32([0.0, 0.25, 0.5, 0.75, 0.95]):
        leaves = profile.exit_of(np.full(profile.exits, threshold)) == 0
        realised = profile.correct[leaves, 0].sum() / profile.correct[leaves, -1].sum()
        assert relative_accuracy(table, 0, threshold) == pytest.approx(min(realised, 1.0))


def test_mean_accuracy_is_unbiased_and_varies_less_than_the_share_of_correct_answers():
    profile, rng = exit_profile("stdlib-lm"), np.random.default_rng(3)
    rows = rng.integers(profile.rows, size=(4000, 30))
    correct, full = profile.correct[rows, 0].sum(axis=1), profile.correct[rows, -1].sum(axis=1)
    measured = mean_accuracy(correct, full, 30, profile.full_accuracy)
    expected = profile.accuracy[0] / profile.full_accuracy
    assert abs(measured.mean() - expected) < 4 * measured.std() / np.sqrt(len(rows))
    assert measured.std() < 0.9 * (correct / 30 / profile.full_accuracy).std()


def test_a_request_exits_at_the_first_sure_exit_and_at_the_last_one_in_any_case():
    confidence = np.float32([[0.2, 0.6, 0.4, 0.0]])
    assert last_block_of(confidence, 0, 0, 1, np.float32(0.5)) == (1, True)
    assert last_block_of(confidence, 0, 0, 1, np.float32(0.7)) == (1, False)
    assert last_block_of(confidence, 0, 2, 3, np.float32(0.7)) == (3, True)


@pytest.mark.parametrize("decimals", [1, 3, 7])
def test_relative_accuracy_is_that_from_the_first_row_that_reaches_the_threshold(decimals):
    """Many rows, many of them equal, against a search through all of them; thresholds on, between and beside them."""
    rng = np.random.default_rng(decimals)
    confidence = np.round(rng.random((700, 2)), decimals)
    table = exit_table(ExitProfile("many rows", confidence, rng.random((700, 2)) < 0.6))
    edges = np.array([0.0, 1.0, 0.5, 1.0 / 1024, np.nextafter(np.float32(0.5), np.float32(0)), 1023.5 / 1024])
    for threshold in np.float32(np.concatenate([edges, confidence[:50, 0], rng.random(100)])):
        for block in (0, 1):
            first = int((table.sorted_confidence[block] < threshold).sum())
            assert relative_accuracy(table, block, threshold) == table.relative_accuracy[block, first]
