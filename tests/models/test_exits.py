"""Exit profiles: hand-made tables, the closed forms of the parametric one, the measured one, files and faults."""

import copy
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from edge_llm_gym import models
from edge_llm_gym.models import exits
from edge_llm_gym.models.exits import ExitProfile, exit_profile, parametric_profile, save_profile

HAND_MADE = ExitProfile(
    "hand-made",
    np.array([[0.9, 0.5, 0.6], [0.2, 0.8, 0.1], [0.1, 0.3, 0.4], [0.3, 0.6, 0.7]]),
    np.array([[1, 0, 1], [0, 1, 1], [0, 0, 0], [1, 0, 1]]),
    "by hand",
)
LARGE = 200_000
"""Rows of the profiles whose laws are tested; `near` allows five standard errors of a share of so many."""


def near(share: float, expected: float, rows: int = LARGE) -> bool:
    return abs(share - expected) < 5 * np.sqrt(max(expected * (1 - expected), 1 / rows) / rows)


def test_the_hand_made_table_leaves_by_the_exits_worked_out_by_hand() -> None:
    threshold = [0.9, 0.6, 0.99]
    assert HAND_MADE.exit_of(threshold).tolist() == [0, 1, 2, 1]
    assert HAND_MADE.expected_accuracy(threshold) == 0.5
    assert HAND_MADE.pass_ratio(threshold).tolist() == [3 / 4, 1 / 3, 0]


def test_the_hand_made_table_has_the_figures_worked_out_by_hand() -> None:
    assert (HAND_MADE.rows, HAND_MADE.exits) == (4, 3)
    assert HAND_MADE.accuracy.tolist() == [0.5, 0.25, 0.75]
    assert HAND_MADE.full_accuracy == 0.75
    assert HAND_MADE.difficulty.tolist() == [0.125, 0.625, 0.875, 0.375]
    np.testing.assert_allclose(HAND_MADE.quantiles([0, 0.5, 1])[1], [0.3, 0.55, 0.8], rtol=1e-6)
    assert HAND_MADE.quantiles([0.1, 0.9]).shape == (3, 2)


def test_thresholds_at_the_extremes_use_the_first_exit_or_the_last_alone() -> None:
    assert HAND_MADE.exit_of([0, 0, 0]).tolist() == [0, 0, 0, 0]
    assert HAND_MADE.pass_ratio([0, 0, 0]).tolist() == [0, 0, 0]
    for above in (1.1, 1e300, np.inf):
        assert HAND_MADE.exit_of([above] * 3).tolist() == [2, 2, 2, 2]
        assert HAND_MADE.expected_accuracy([above] * 3) == HAND_MADE.full_accuracy


def test_a_confidence_equal_to_the_threshold_leaves_though_neither_is_a_binary_fraction() -> None:
    assert HAND_MADE.exit_of([0.9, 2, 2])[0] == 0
    assert HAND_MADE.exit_of(np.float32([0.9, 2, 2]))[0] == 0


def test_equal_rows_are_ranked_in_the_tables_order() -> None:
    equal = ExitProfile("equal", np.full((4, 2), 0.5), np.ones((4, 2), bool))
    assert equal.difficulty.tolist() == [0.125, 0.375, 0.625, 0.875]


@settings(max_examples=60, deadline=None)
@given(
    levels=arrays(np.int64, st.tuples(st.integers(1, 12), st.integers(1, 5)), elements=st.integers(0, 4)),
    data=st.data(),
)
def test_exits_and_ratios_agree_with_walking_every_row(levels: np.ndarray, data: st.DataObject) -> None:
    rows, number = levels.shape
    correct = data.draw(arrays(np.bool_, levels.shape))
    threshold = data.draw(arrays(np.int64, number, elements=st.integers(0, 5))) / 4
    profile = ExitProfile("drawn", levels / 4, correct)
    reached, went_on, right = np.zeros(number), np.zeros(number), 0
    for row in range(rows):
        for index in range(number):
            reached[index] += 1
            if index == number - 1 or levels[row, index] / 4 >= threshold[index]:
                right += correct[row, index]
                assert profile.exit_of(threshold)[row] == index
                break
            went_on[index] += 1
    assert profile.expected_accuracy(threshold) == pytest.approx(right / rows)
    expected = [on / came if came else 0 for on, came in zip(went_on, reached, strict=True)]
    np.testing.assert_allclose(profile.pass_ratio(threshold), expected)


@pytest.mark.parametrize("array", ["confidence", "correct", "accuracy", "difficulty"])
@pytest.mark.parametrize("copied", [lambda p: p, lambda p: pickle.loads(pickle.dumps(p)), copy.deepcopy])
def test_arrays_are_read_only_in_every_copy(array: str, copied: Any) -> None:
    profile = copied(HAND_MADE)
    assert np.array_equal(getattr(profile, array), getattr(HAND_MADE, array))
    with pytest.raises(ValueError, match="read-only"):
        getattr(profile, array)[0] = 0


def test_a_profile_keeps_its_own_copy_of_what_it_was_given() -> None:
    confidence, correct = np.full((2, 2), 0.5, np.float32), np.ones((2, 2), bool)
    profile = ExitProfile("mine", confidence, correct)
    confidence[:], correct[:] = 0, False
    assert profile.confidence.min() == 0.5
    assert profile.correct.all()


def test_what_is_derived_is_computed_once() -> None:
    assert HAND_MADE.difficulty is HAND_MADE.difficulty
    assert HAND_MADE.accuracy is HAND_MADE.accuracy


GOOD = np.full((3, 2), 0.5)


@pytest.mark.parametrize(
    ("confidence", "correct", "error", "message"),
    [
        (GOOD, np.ones((2, 2), bool), ValueError, r"one shape.*\(3, 2\) and \(2, 2\)"),
        (GOOD[0], np.ones(2, bool), ValueError, r"confidence must be \[rows, exits\].*\(2,\)"),
        (np.empty((3, 0)), np.empty((3, 0), bool), ValueError, r"at least one of each, got shape \(3, 0\)"),
        (np.empty((0, 2)), np.empty((0, 2), bool), ValueError, r"at least one of each, got shape \(0, 2\)"),
        ([[0.5, np.nan]], [[True, True]], ValueError, r"in \[0, 1\] everywhere, got nan in row 0 at exit 1"),
        ([[0.5], [1.5], [-1]], [[1], [1], [1]], ValueError, r"got 1.5 in row 1 at exit 0 \(and 1 more\)"),
        ([[90, 80]], [[True, True]], TypeError, r"dtype int64; divide counts or percentages first"),
        ([["0.5"]], [[True]], TypeError, r"floating-point.*<U3"),
        (np.array([[0.5]], object), [[True]], TypeError, r"floating-point.*object"),
        ([[0.5]], [[2]], ValueError, r"correct must hold bool, or 0 and 1, got 2"),
        ([[0.5]], [[np.nan]], ValueError, r"correct must hold bool, or 0 and 1, got nan"),
        ([[0.5]], [["yes"]], TypeError, r"correct must hold bool, or 0 and 1, got dtype <U3"),
    ],
)
def test_a_faulty_table_is_rejected(confidence: Any, correct: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ExitProfile("faulty", confidence, correct)


def test_a_name_that_is_no_string_is_rejected() -> None:
    with pytest.raises(TypeError, match="name must be a string, got 3"):
        ExitProfile(3, GOOD, GOOD == 0.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("threshold", [0.5, [0.5, 0.5], [[0.5, 0.5, 0.5]]])
def test_thresholds_of_another_shape_are_rejected(threshold: Any) -> None:
    for call in (HAND_MADE.exit_of, HAND_MADE.expected_accuracy, HAND_MADE.pass_ratio):
        with pytest.raises(ValueError, match=re.escape(f"each of the 3 exits, got {threshold!r}")):
            call(threshold)


def test_a_threshold_that_is_nan_is_rejected() -> None:
    with pytest.raises(ValueError, match="must not be NaN"):
        HAND_MADE.exit_of([0.5, np.nan, 0.5])


@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0])
def test_parametric_confidences_are_beta_distributed(noise: float) -> None:
    profile = parametric_profile(20_000, exits=3, seed=1, sharpness=1.5, noise=noise)
    for index, depth in enumerate((1.5, 3.0, 4.5)):
        assert stats.kstest(profile.confidence[:, index], stats.beta(depth, 1).cdf).pvalue > 1e-4


@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("overconfidence", [0.5, 1.0, 2.0])
def test_parametric_accuracy_and_calibration_are_the_documented_ones(noise: float, overconfidence: float) -> None:
    profile = parametric_profile(LARGE, seed=2, sharpness=1.5, overconfidence=overconfidence, noise=noise)
    for index, depth in enumerate(1.5 * np.arange(1, 5)):
        assert near(profile.accuracy[index], depth / (depth + overconfidence))
        low, high = 0.6, 0.62
        chosen = (profile.confidence[:, index] >= low) & (profile.confidence[:, index] < high)
        power = depth + overconfidence
        expected = depth / power * (high**power - low**power) / (high**depth - low**depth)
        assert near(profile.correct[chosen, index].mean(), expected, chosen.sum())


def test_parametric_passing_and_accuracy_follow_the_closed_form() -> None:
    profile = parametric_profile(LARGE, exits=3, seed=3, overconfidence=1.7)
    threshold, depth = np.array([0.6, 0.9, 0.5]), np.arange(1, 4)
    on = np.minimum.accumulate(threshold**depth)[:2]
    ratio = profile.pass_ratio(threshold)
    assert near(ratio[0], on[0])
    assert near(ratio[0] * ratio[1], on[1])
    edges = np.array([1.0, *on, 0.0])
    power = 1.7 / depth + 1  # integral over the ease u of u ** (overconfidence / depth)
    expected = np.sum((edges[:-1] ** power - edges[1:] ** power) / power)
    assert near(profile.expected_accuracy(threshold), expected)


def test_without_noise_deeper_is_surer_and_right_stays_right() -> None:
    profile = parametric_profile(seed=4)
    assert np.all(np.diff(profile.confidence, axis=1) >= 0)
    assert np.all(np.diff(profile.correct.astype(int), axis=1) >= 0)


def test_noise_loosens_the_ties_between_exits_down_to_independence() -> None:
    tied, loose, free = (
        stats.spearmanr(*parametric_profile(LARGE, exits=2, seed=5, noise=noise).confidence.T).statistic
        for noise in (0.0, 0.5, 1.0)
    )
    assert tied == pytest.approx(1)
    assert loose == pytest.approx(0.25, abs=5 / np.sqrt(LARGE))
    assert free == pytest.approx(0, abs=5 / np.sqrt(LARGE))


def test_a_seed_repeats_a_parametric_profile_and_another_changes_it() -> None:
    first, again, other = parametric_profile(seed=6), parametric_profile(seed=6), parametric_profile(seed=7)
    assert np.array_equal(first.confidence, again.confidence)
    assert np.array_equal(first.correct, again.correct)
    assert not np.array_equal(first.confidence, other.confidence)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"rows": 0}, ValueError, "rows must be at least 1, got 0"),
        ({"exits": 2.0}, TypeError, "exits is a count.*got 2.0"),
        ({"sharpness": 0.0}, ValueError, "sharpness must be positive and finite, got 0.0"),
        ({"overconfidence": np.inf}, ValueError, "overconfidence must be positive and finite, got inf"),
        ({"noise": 1.5}, ValueError, r"noise is a probability and must be in \[0, 1\], got 1.5"),
        ({"noise": np.nan}, ValueError, r"noise is a probability.*got nan"),
    ],
)
def test_parameters_out_of_range_are_rejected(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        parametric_profile(**arguments)


def test_a_saved_profile_is_read_back_equal(tmp_path: Path) -> None:
    profile = parametric_profile(100, seed=8)
    save_profile(profile, tmp_path / "table.npz")
    for path in (tmp_path / "table.npz", str(tmp_path / "table.npz")):
        read = exit_profile(path)
        assert np.array_equal(read.confidence, profile.confidence)
        assert np.array_equal(read.correct, profile.correct)
        assert (read.name, read.source) == (profile.name, profile.source)


def test_a_users_own_file_is_called_by_its_stem(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", confidence=GOOD, correct=np.ones((3, 2), np.uint8))
    profile = exit_profile(tmp_path / "own.npz")
    assert (profile.name, profile.source) == ("own", "")
    assert (profile.confidence.dtype, profile.correct.dtype) == (np.float32, np.bool_)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ({"confidence": GOOD}, ValueError, r"'own' must hold.*lacks \['correct'\]"),
        ({"confidences": GOOD, "correct": GOOD}, ValueError, "'confidences'; did you mean 'confidence'?"),
        ({"confidence": GOOD * 3, "correct": GOOD > 0}, ValueError, r"'own': confidence must be in \[0, 1\]"),
        (
            {"confidence": GOOD, "correct": GOOD > 0, "name": np.arange(2)},
            ValueError,
            r"own\.npz: .*name must be one string",
        ),
        (
            {"confidence": GOOD, "correct": GOOD.astype(object)},
            ValueError,
            "plain arrays.*holds object, and only numbers and text",
        ),
    ],
)
def test_a_faulty_file_is_rejected(content: Any, error: type[Exception], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", **content)
    with pytest.raises(error, match=message):
        exit_profile(tmp_path / "own.npz")


def spoilt_archives(folder: Path) -> dict[str, bytes]:
    save_profile(HAND_MADE, folder / "whole.npz")
    whole = (folder / "whole.npz").read_bytes()
    np.save(folder / "one.npy", GOOD)
    middle = len(whole) // 3
    return {
        "empty": b"",
        "text": b"confidence,correct\n0.5,1\n",
        "cut short": whole[: len(whole) // 2],
        "damaged": whole[:middle] + bytes(255 - byte for byte in whole[middle : middle + 20]) + whole[middle + 20 :],
        "a single array": (folder / "one.npy").read_bytes(),
        "a pickle": pickle.dumps({"confidence": [[0.5]], "correct": [[True]]}),
    }


@pytest.mark.parametrize("kind", ["empty", "text", "cut short", "damaged", "a single array", "a pickle"])
def test_a_file_that_is_no_archive_is_rejected(kind: str, tmp_path: Path) -> None:
    (tmp_path / "bad.npz").write_bytes(spoilt_archives(tmp_path)[kind])
    with pytest.raises(ValueError, match=r"'bad' must be an \.npz archive of plain arrays"):
        exit_profile(tmp_path / "bad.npz")


def test_a_path_without_a_file_and_an_unknown_name_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file .*none\.npz"):
        exit_profile(tmp_path / "none.npz")
    with pytest.raises(ValueError, match=r"unknown exit profile 'stdlb-lm'.*did you mean 'stdlib-lm'\?"):
        exit_profile("stdlb-lm")
    with pytest.raises(ValueError, match=r"stored in \.npz files, got 'table\.npy'"):
        save_profile(HAND_MADE, "table.npy")


@pytest.mark.parametrize("name", exits.PROFILES)
def test_every_profile_by_name_loads_and_says_where_it_comes_from(name: str) -> None:
    profile = exit_profile(name)
    assert profile.name == name
    assert profile.source


def test_the_measured_profile_is_small_plain_and_loaded_once() -> None:
    path = Path(models.__file__).parent / "profiles" / "stdlib-lm.npz"
    assert path.stat().st_size < 1_000_000
    with np.load(path, allow_pickle=False) as archive:
        assert sorted(archive.files) == ["confidence", "correct", "name", "source"]
    assert exit_profile("stdlib-lm") is exit_profile("stdlib-lm")


def test_the_measured_profile_gains_accuracy_and_confidence_with_depth() -> None:
    profile = exit_profile("stdlib-lm")
    assert profile.rows >= 20_000
    assert profile.exits == 4
    assert np.all(np.diff(profile.accuracy) > 0)
    assert profile.full_accuracy - profile.accuracy[0] > 0.03
    assert np.all(np.diff(profile.confidence.mean(axis=0)) > 0)


def test_the_measured_profile_says_what_it_knows() -> None:
    """Within a tenth of the rows by confidence, the mean confidence is within 6 points of the share that is right."""
    profile = exit_profile("stdlib-lm")
    for confidence, correct in zip(profile.confidence.T, profile.correct.T, strict=True):
        for tenth in np.array_split(np.argsort(confidence, kind="stable"), 10):
            assert correct[tenth].mean() == pytest.approx(confidence[tenth].mean(), abs=0.06)


def test_hard_rows_of_the_measured_profile_go_deeper_and_are_wrong_more_often() -> None:
    profile = exit_profile("stdlib-lm")
    by_difficulty = np.argsort(profile.difficulty)
    depth, right = profile.exit_of(np.full(4, 0.8)), profile.correct[:, -1]
    parts = np.array_split(by_difficulty, 5)
    assert np.all(np.diff([depth[part].mean() for part in parts]) >= 0)
    assert np.all(np.diff([right[part].mean() for part in parts]) < 0)
