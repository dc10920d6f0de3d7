"""The closed form of consecutive iterations against their sum, one by one."""

import numpy as np

from edge_llm_gym.sim.pooled.continuous.iterations import completed_iterations, iterations_until, run_s


def one_by_one(first_s: float, growth_s: float, span_s: float, most: int) -> tuple[int, bool]:
    """Iterations that fit in a span, and whether they fill it up to rounding."""
    count, passed_s = 0, 0.0
    while count < most and passed_s + first_s + growth_s * count <= span_s * (1 + 1e-12):
        passed_s += first_s + growth_s * count
        count += 1
    return count, bool(np.isclose(passed_s, span_s, rtol=1e-12, atol=0))


def test_iterations_in_a_span():
    rng = np.random.default_rng(0)
    for _ in range(300):
        first_s, growth_s = rng.exponential(0.03), rng.choice([0.0, rng.exponential(1e-4)])
        span_s, most = rng.exponential(1.0), int(rng.integers(1, 200))
        expected, _ = one_by_one(first_s, growth_s, span_s, most)
        assert completed_iterations(first_s, growth_s, span_s, most) == expected
        assert iterations_until(first_s, growth_s, span_s, most) == min(expected + 1, most)


def test_a_span_that_iterations_fill_exactly():
    """The root in the closed form is rounded; the number of iterations must not be one too few or too many."""
    rng = np.random.default_rng(1)
    for _ in range(2000):
        first_s, growth_s, count = rng.exponential(0.03), rng.exponential(1e-4), int(rng.integers(1, 300))
        span_s = run_s(first_s, growth_s, count)
        assert completed_iterations(first_s, growth_s, span_s, 400) == count
        assert iterations_until(first_s, growth_s, span_s, 400) == count
        assert completed_iterations(first_s, growth_s, span_s * (1 - 1e-9), 400) == count - 1
