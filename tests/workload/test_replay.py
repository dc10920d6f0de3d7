import numpy as np
import pytest

from edge_llm_gym.workload.replay import ResampledLengths, TraceReplay
from edge_llm_gym.workload.traces import Trace


def bursty_trace(count=60):
    rng = np.random.default_rng(0)
    arrival_s = np.cumsum(rng.gamma(0.3, 1.0, count))
    rows = np.arange(1, count + 1)
    return Trace("bursty", arrival_s - arrival_s[0], rows, 1000 + rows)


TRACE = bursty_trace()
RING_S = TRACE.requests / TRACE.rate_per_s


def replayed_by_tiling(trace, start_s, duration_s):
    """The same window, cut from copies of the whole trace laid end to end."""
    copies = int(np.ceil((start_s + duration_s) / RING_S)) + 1
    tiled_s = np.concatenate([trace.arrival_s + copy * RING_S for copy in range(copies)])
    inside = (tiled_s >= start_s) & (tiled_s < start_s + duration_s)
    return tiled_s[inside] - start_s, np.tile(np.arange(trace.requests), copies)[inside]


@pytest.mark.parametrize("duration_s", [0.0, 1.3, 20.0, 100.0])
def test_a_draw_is_a_window_of_the_endless_ring(duration_s):
    replay = TraceReplay(TRACE, TRACE.rate_per_s)
    for seed in range(40):
        arrival_s, row = replay.draw_rows(np.random.default_rng(seed), duration_s)
        expected_s, expected_row = replayed_by_tiling(TRACE, np.random.default_rng(seed).random() * RING_S, duration_s)
        np.testing.assert_allclose(arrival_s, expected_s, atol=1e-9)
        np.testing.assert_array_equal(row, expected_row)


def test_another_rate_stretches_time():
    slow, fast = TraceReplay(TRACE, 1.0), TraceReplay(TRACE, 4.0)
    slow_s, fast_s = slow.draw(np.random.default_rng(3), 80.0), fast.draw(np.random.default_rng(3), 20.0)
    np.testing.assert_allclose(fast_s, slow_s / 4.0)


@pytest.mark.parametrize("jitter_s", [0.0, 0.7])
def test_the_mean_rate_is_the_one_asked_for(jitter_s):
    replay, rng = TraceReplay(TRACE, 5.0, jitter_s), np.random.default_rng(4)
    counts = np.array([replay.draw(rng, 3.0).size for _ in range(3000)])
    assert abs(counts.mean() - 15.0) < 4 * counts.std() / np.sqrt(counts.size)


@pytest.mark.parametrize("jitter_s", [0.0, 0.7, 50.0])
def test_arrivals_are_sorted_and_inside_the_draw(jitter_s):
    replay = TraceReplay(TRACE, 5.0, jitter_s)
    for seed in range(200):
        arrival_s, row = replay.draw_rows(np.random.default_rng(seed), 7.0)
        assert np.all(np.diff(arrival_s) >= 0)
        assert np.all((arrival_s >= 0) & (arrival_s < 7.0))
        assert np.all((row >= 0) & (row < TRACE.requests))


def test_jitter_delays_each_arrival_by_less_than_its_width():
    """Half the rate doubles the delays too: the jitter is in seconds of the file's own clock."""
    coarse = Trace("coarse", np.repeat(np.arange(50.0), 4), np.arange(1, 201), np.arange(1, 201))
    plain, spread = TraceReplay(coarse, coarse.rate_per_s / 2), TraceReplay(coarse, coarse.rate_per_s / 2, 1.0)
    start_s = np.random.default_rng(9).random() * coarse.requests / coarse.rate_per_s
    arrival_s, row = spread.draw_rows(np.random.default_rng(9), 60.0)
    ring_s = 2 * coarse.requests / coarse.rate_per_s
    delay_s = (arrival_s + 2 * start_s - 2 * coarse.arrival_s[row]) % ring_s
    assert np.unique(arrival_s).size == arrival_s.size > np.unique(plain.draw(np.random.default_rng(9), 60.0)).size
    assert 1.8 < delay_s.max() < 2.0
    assert delay_s.min() < 0.2


def test_resampled_lengths_are_rows_of_the_trace():
    prompt, output = ResampledLengths(TRACE).draw(np.random.default_rng(5), 20_000)
    np.testing.assert_array_equal(output, prompt + 1000)
    counts = np.bincount(prompt, minlength=61)[1:]
    assert np.sum((counts - 20_000 / 60) ** 2 / (20_000 / 60)) < 98.3  # chi-square, 59 degrees of freedom, 0.1 %


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: TraceReplay(TRACE, 0.0), r"rate_per_s must be a positive finite number, got 0\.0"),
        (lambda: TraceReplay(TRACE, 1.0, -1.0), r"jitter_s must be a finite number of seconds, 0 or more, got -1\.0"),
        (lambda: TraceReplay(Trace("one", [0.0], [1], [1]), 1.0), "trace 'one' has no rate"),
    ],
)
def test_what_cannot_be_replayed_is_rejected(build, message):
    with pytest.raises(ValueError, match=message):
        build()
