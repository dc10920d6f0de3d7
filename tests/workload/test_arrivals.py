import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_llm_gym.workload.arrivals import DayCycle, GammaBursty, ModulatedPoisson, Modulation, Poisson

PROCESSES = [
    Poisson(4),
    GammaBursty(4, 0.3),
    GammaBursty(4, 12),
    DayCycle(4, 1, 30),
    DayCycle(4, 0.5, 30, phase=0.25),
    ModulatedPoisson(4, (Modulation(1, 2, silence=0.5), Modulation(20, 1))),
]


@pytest.mark.parametrize("process", PROCESSES, ids=str)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), duration_s=st.floats(0, 200))
def test_arrivals_are_sorted_and_inside_the_draw(process, seed, duration_s):
    arrival_s = process.draw(np.random.default_rng(seed), duration_s)
    assert arrival_s.dtype == np.float64
    assert arrival_s.ndim == 1
    assert np.all(np.diff(arrival_s) >= 0)
    assert np.all((arrival_s >= 0) & (arrival_s < duration_s))


@pytest.mark.parametrize("process", PROCESSES, ids=str)
def test_a_draw_depends_on_its_generator_alone(process):
    first = process.draw(np.random.default_rng(5), 60.0)
    process.draw(np.random.default_rng(6), 10.0)
    copy = pickle.loads(pickle.dumps(process))
    assert copy == process
    np.testing.assert_array_equal(copy.draw(np.random.default_rng(5), 60.0), first)
    assert not np.array_equal(process.draw(np.random.default_rng(6), 60.0), first)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Poisson(0.0), r"rate_per_s must be a positive finite number, got 0\.0"),
        (lambda: Poisson(float("nan")), "rate_per_s must be a positive finite number, got nan"),
        (lambda: GammaBursty(1.0, -1.0), r"cv must be a positive finite number, got -1\.0"),
        (lambda: DayCycle(1.0, 1.5, 10.0), r"depth must lie in \[0, 1\].* got 1\.5"),
        (lambda: DayCycle(1.0, 0.5, 0.0), r"period_s must be a positive"),
        (lambda: DayCycle(1.0, 0.5, 10.0, phase=1.0), r"phase .* must lie in \[0, 1\), got 1\.0"),
        (lambda: Modulation(0.0, 1.0), "timescale_s must be a positive"),
        (lambda: Modulation(1.0, 1.0, silence=0.6), r"silence must lie in .*\[0, 0\.5\], got 0\.6"),
        (lambda: ModulatedPoisson(-1.0, ()), "rate_per_s must be a positive"),
        (lambda: ModulatedPoisson(1.0, ()).at_rate(0.0), r"rate_per_s must be a positive finite number, got 0\.0"),
    ],
)
def test_impossible_parameters_are_rejected(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def plain_levels(modulation, rng, count):
    active = 1.0 - modulation.silence
    spread = active * (1.0 + modulation.variance) - 1.0
    level = rng.gamma(1.0 / spread, spread / active, count) if spread > 0 else np.full(count, 1.0 / active)
    return level * (rng.random(count) < active) if modulation.silence else level


def plain_sorted_uniform(rng, count, end):
    sums = np.cumsum(rng.standard_exponential(count + 1))
    return np.minimum(sums[:-1] * (end / sums[-1]), np.nextafter(end, 0.0))


def plain_arrivals(process, rng, duration_s):
    """Modulated arrivals with whole arrays, and a level looked up for each piece of the rate."""
    jumps = [
        plain_sorted_uniform(rng, rng.poisson(duration_s / each.timescale_s), duration_s)
        for each in process.modulations
    ]
    edge_s = np.sort(np.concatenate([[0.0], *jumps, [duration_s]]))
    rate_per_s = np.full(edge_s.size - 1, float(process.rate_per_s))
    for modulation, jump_s in zip(process.modulations, jumps, strict=True):
        level = plain_levels(modulation, rng, jump_s.size + 1)
        rate_per_s *= level[np.searchsorted(jump_s, edge_s[:-1], side="right")]
    expected = np.concatenate([[0.0], np.cumsum(rate_per_s * np.diff(edge_s))])
    position = plain_sorted_uniform(rng, rng.poisson(expected[-1]), expected[-1])
    return np.interp(position, expected, edge_s)


@pytest.mark.parametrize(
    "modulations",
    [
        (),
        (Modulation(3.0, 0.05), Modulation(40.0, 0.3)),
        (Modulation(1.0, 2.0, silence=0.3), Modulation(20.0, 1.0)),
        (Modulation(2.0, 1.0, silence=0.5),),  # an on-off source
    ],
    ids=["none", "smooth", "silent", "on-off"],
)
def test_modulated_arrivals_are_those_of_whole_arrays(modulations):
    process = ModulatedPoisson(5.0, modulations)
    for seed in range(20):
        compiled, numpy = np.random.default_rng(seed), np.random.default_rng(seed)
        expected = plain_arrivals(process, numpy, 60.0)
        np.testing.assert_allclose(process.draw(compiled, 60.0), expected, rtol=0, atol=1e-9)
        assert compiled.random() == numpy.random()
        for modulation in modulations:
            np.testing.assert_array_equal(modulation.levels(compiled, 9), plain_levels(modulation, numpy, 9))


@pytest.mark.parametrize("phase", [None, 0.25])
def test_arrivals_of_a_day_are_those_of_whole_arrays(phase):
    process = DayCycle(5.0, 0.8, 30.0, phase)
    for seed in range(20):
        compiled, numpy = np.random.default_rng(seed), np.random.default_rng(seed)
        begun = numpy.random() if phase is None else phase
        time_s = plain_sorted_uniform(numpy, numpy.poisson(5.0 * 1.8 * 60.0), 60.0)
        level = 1.0 + 0.8 * np.sin(2.0 * np.pi * (time_s / 30.0 + begun))
        expected = time_s[numpy.random(time_s.size) * 1.8 < level]
        np.testing.assert_array_equal(process.draw(compiled, 60.0), expected)
        assert compiled.random() == numpy.random()
