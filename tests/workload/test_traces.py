import math
import pickle
import tracemalloc

import numpy as np
import pytest

from edge_llm_gym.workload.traces import (
    Trace,
    clip_lengths,
    describe,
    jitter,
    rescale_rate,
    sealed,
    timestamp_resolution_s,
    window,
)


def trace(arrival_s, notes=()):
    count = len(arrival_s)
    return Trace("t", np.asarray(arrival_s), np.arange(1, count + 1), np.arange(10, count + 10), notes)


TRACE = trace([0.0, 1.0, 1.5, 4.0, 8.0], notes=("kept",))


def test_arrays_are_copies_that_cannot_be_written():
    arrival_s = np.array([0.0, 2.0])
    made = Trace("t", arrival_s, np.array([1, 2]), np.array([3, 4]))
    arrival_s[1] = 99.0
    assert made.arrival_s[1] == 2.0
    for each in (made, pickle.loads(pickle.dumps(made))):
        with pytest.raises(ValueError, match="read-only"):
            each.arrival_s[0] = 1.0


def test_pickling_keeps_everything():
    copy = pickle.loads(pickle.dumps(TRACE))
    assert (copy.name, copy.notes) == (TRACE.name, TRACE.notes)
    for field in ("arrival_s", "prompt_tokens", "output_tokens"):
        np.testing.assert_array_equal(getattr(copy, field), getattr(TRACE, field))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([0.0, 1.0], [1], [1, 2]), r"three arrays of one length, at least 1, got lengths \(2, 1, 2\)"),
        (([], [], []), r"got lengths \(0, 0, 0\)"),
        (([1.0, 2.0], [1, 1], [1, 1]), "sorted and start at 0"),
        (([0.0, 2.0, 1.0], [1, 1, 1], [1, 1, 1]), "sorted and start at 0"),
        (([0.0, 1.0], [1, 0], [1, 1]), "prompt_tokens must be at least 1 everywhere, got 0"),
    ],
)
def test_an_invalid_trace_is_rejected(columns, message):
    with pytest.raises(ValueError, match=message):
        Trace("t", *map(np.array, columns))


def test_rescaling_stretches_time_to_the_rate():
    fast = rescale_rate(TRACE, 2.0)
    assert fast.rate_per_s == pytest.approx(2.0)
    np.testing.assert_allclose(fast.arrival_s, TRACE.arrival_s * 0.25)
    assert fast.notes == ("kept", "time rescaled by 0.25 to 2 requests/s")
    assert fast.prompt_tokens.tolist() == TRACE.prompt_tokens.tolist()


def test_a_trace_without_a_rate_cannot_be_rescaled():
    with pytest.raises(ValueError, match="trace 't' has no rate: it needs two distinct arrival times"):
        rescale_rate(trace([0.0, 0.0]), 1.0)


def test_clipping_limits_lengths_and_counts_them():
    cut, clipped = clip_lengths(TRACE, 3, 13)
    assert cut.prompt_tokens.tolist() == [1, 2, 3, 3, 3]
    assert cut.output_tokens.tolist() == [10, 11, 12, 13, 13]
    assert clipped == (2, 1)
    assert cut.notes[-1] == "clipped 2 prompts to 3 tokens and 1 outputs to 13"


def test_window_keeps_the_half_open_interval():
    part = window(TRACE, 1.0, 3.0)
    assert part.arrival_s.tolist() == [0.0, 0.5]
    assert part.prompt_tokens.tolist() == [2, 3]
    with pytest.raises(ValueError, match=r"spans 8\.0 s and has no request in \[5\.0, 7\.0\) s"):
        window(TRACE, 5.0, 2.0)


def test_jitter_spreads_coinciding_arrivals_and_moves_lengths_along():
    coarse = Trace("t", np.repeat(np.arange(200.0), 5), np.arange(1, 1001), np.arange(1, 1001))
    spread = jitter(coarse, np.random.default_rng(0), 1.0)
    assert np.all(np.diff(spread.arrival_s) > 0)
    delays = np.sort(spread.arrival_s - coarse.arrival_s[spread.prompt_tokens - 1])
    assert 0.95 < delays[-1] - delays[0] < 1.0
    np.testing.assert_array_equal(spread.prompt_tokens, spread.output_tokens)
    assert sorted(spread.prompt_tokens) == list(range(1, 1001))


@pytest.mark.parametrize("step_s", [1e-6, 1e-3, 0.25, 1.0, 60.0])
@pytest.mark.parametrize("per_step", [0.2, 5.0], ids=["sparse", "crowded"])
def test_the_step_of_a_coarse_clock_is_found(step_s, per_step):
    gaps = np.random.default_rng(1).exponential(1 / per_step, 2000)
    stamps = np.floor(np.cumsum(gaps)) * step_s
    assert timestamp_resolution_s(trace(stamps - stamps[0])) == pytest.approx(step_s, rel=1e-6)


def test_batches_stamped_every_few_uneven_seconds_are_found():
    stamps = np.repeat(np.cumsum(np.random.default_rng(2).choice([2.998, 3.0, 3.053], 300)), 7)
    assert timestamp_resolution_s(trace(stamps - stamps[0])) == pytest.approx(2.998)


def test_a_continuous_clock_has_no_visible_step():
    stamps = np.cumsum(np.random.default_rng(3).exponential(1.0, 1000))
    assert timestamp_resolution_s(trace(stamps - stamps[0])) == pytest.approx(1e-9)
    assert timestamp_resolution_s(trace([0.0, 0.0, 0.0])) == 0.0


def test_describing_a_sparse_trace_takes_memory_by_requests():
    tracemalloc.start()
    try:
        numbers = describe(trace([0.0, 1e-3, 3.1e8]))
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    assert (numbers["busiest_2s"], numbers["rate_per_s"]) == (2, 2 / 3.1e8)
    assert numbers["dispersion_2s"] == pytest.approx(2.0)  # two arrivals in one of many windows: variance over mean


def test_sealed_arrays_are_not_copied():
    arrays = [sealed(np.array(values)) for values in ([0.0, 2.0], [1, 2], [3, 4])]
    made = Trace("t", *arrays)
    assert made.arrival_s is arrays[0]
    assert made.output_tokens is arrays[2]
    part = sealed(np.array([0.0, 2.0, 3.0]))[:2]
    assert Trace("t", part, *arrays[1:]).arrival_s is not part


def test_describe_by_hand():
    numbers = describe(trace([0.0, 1.0, 1.5, 4.0, 8.0]))
    assert numbers["requests"] == 5
    assert numbers["rate_per_s"] == 0.5
    assert numbers["interarrival_cv"] == pytest.approx(np.std([1.0, 0.5, 2.5, 4.0]) / 2.0)
    assert numbers["dispersion_2s"] == pytest.approx(np.var([3, 0, 1, 0]) / 1.0)
    assert math.isnan(numbers["dispersion_60s"])
    assert numbers["busiest_2s"] == 3
    assert numbers["timestamp_resolution_s"] == 0.5
    assert numbers["rank_correlation"] == pytest.approx(1.0)
    assert (numbers["prompt_mean"], numbers["prompt_p50"], numbers["prompt_max"]) == (3.0, 3.0, 5.0)
    assert numbers["output_p90"] == pytest.approx(13.6)
    assert all(isinstance(value, int | float) for value in numbers.values())
