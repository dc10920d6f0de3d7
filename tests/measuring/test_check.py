"""The fit to a part of the timings, and its errors on the others."""

from dataclasses import replace

import pytest

from edge_llm_gym.measuring import Grid, Session, fit_and_check
from edge_llm_gym.measuring.split import split
from tests.measuring.law_clock import C0_S, C1_S, C2_S_PER_TOKEN, P0_S, P1_S_PER_FLOP, LawClock
from tests.measuring.shapes import GATED

pytestmark = pytest.mark.usefixtures("_small_limits")
GRID = Grid((1, 2, 4), (64, 128, 300, 512), repeats=1, whole_batches=4)


@pytest.fixture
def timings(monkeypatch):
    return Session(GATED, GRID, LawClock(monkeypatch)).run()


def by_name(errors):
    return {(each.timings, each.held_out): each.errors for each in errors}


def test_timings_that_follow_the_law_give_its_coefficients_and_no_errors(timings):
    profile, errors = fit_and_check(GATED, timings)
    times = profile.rows[0].times()
    assert times == pytest.approx((P0_S, P1_S_PER_FLOP, C0_S, C1_S, C2_S_PER_TOKEN), rel=1e-5)
    assert (profile.device, profile.rows[0].weight_bits, profile.rows[0].kv_bits) == ("law", 16, 16)
    numbers = {key: each.timings for key, each in by_name(errors).items()}
    assert numbers == {
        ("decode", False): 6,
        ("decode", True): 6,
        ("prefill", False): 2,
        ("prefill", True): 2,
        ("whole batch", True): 4,
        ("whole batch with prefills", True): 4,
    }
    assert all(each.errors.worst < 1e-4 for each in errors)


def test_held_out_timings_change_their_errors_and_not_the_fit(timings):
    held_out = split(timings).held_out
    changed = [replace(each, seconds=each.seconds * 1.25) if each in held_out else each for each in timings]
    before, after = fit_and_check(GATED, timings), fit_and_check(GATED, changed)
    assert after.profile == before.profile
    for key, errors in by_name(after.errors).items():
        slower = key in {("decode", True), ("prefill", True)}
        assert errors.mean == pytest.approx(0.2 if slower else 0.0, abs=1e-4)  # 1 - 1 / 1.25


def test_prefills_of_whole_batches_count_in_the_errors_with_prefills(timings):
    late = [replace(each, seconds=each.seconds + 1.0) if each.kind.startswith("batch") else each for each in timings]
    errors = by_name(fit_and_check(GATED, late).errors)
    assert errors["whole batch", True].worst < 1e-4  # batch less batch_prefill is as before
    whole = [each.seconds for each in late if each.kind == "batch"]
    assert errors["whole batch with prefills", True].worst == pytest.approx(max(1 / each for each in whole), abs=1e-4)
