"""Hypothesis strategies for batch and assignment problems: arbitrary numbers, and lattices with ties and exact fits."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from edge_llm_gym.problems import AssignmentProblem, BatchProblem

LATTICE = st.integers(0, 4).map(float)
ANY = st.just(0.0) | st.floats(1e-3, 5.0)


def columns(n: int, numbers: SearchStrategy[float]) -> SearchStrategy[np.ndarray]:
    """Arrays [n], sometimes with all entries equal."""
    equal = numbers.map(lambda number: np.full(n, number))
    return st.lists(numbers, min_size=n, max_size=n).map(lambda drawn: np.array(drawn, np.float64)) | equal


@st.composite
def batch_problems(draw: DrawFn, most: int = 8, n: int | None = None) -> BatchProblem:
    """Problems of up to ``most`` requests, or of ``n``; also empty, infeasible, worthless and unlimited ones."""
    n = draw(st.integers(0, most)) if n is None else n
    numbers = draw(st.sampled_from([LATTICE, ANY]))
    shares = numbers.map(lambda number: number / 8)
    return BatchProblem(
        time_s=draw(columns(n, numbers)),
        shared_time_s=draw(columns(n, numbers)),
        kv_bytes=draw(columns(n, numbers)),
        uplink_share=draw(columns(n, shares | st.just(np.inf))),
        downlink_share=draw(columns(n, shares)),
        budget_s=draw(columns(n, numbers.map(lambda number: 3 * number - 1))),
        value=draw(columns(n, numbers)),
        memory_bytes=draw(numbers.map(lambda number: 3 * number)),
        time_cap_s=draw(st.just(np.inf) | numbers.map(lambda number: 4 * number)),
    )


@st.composite
def priced_problems(draw: DrawFn, most: int = 8) -> BatchProblem:
    """The same with a price of time, from negligible to prohibitive."""
    problem, price = draw(batch_problems(most)), draw(st.just(0.0) | LATTICE | st.floats(1e-3, 2.0))
    return problem.replace(time_price=price / 4)


@st.composite
def assignment_problems(draw: DrawFn, most: int = 6, most_nodes: int = 3) -> AssignmentProblem:
    """Problems of up to ``most`` requests on up to ``most_nodes`` independent nodes."""
    n = draw(st.integers(0, most))
    return AssignmentProblem(tuple(draw(st.lists(batch_problems(n=n), min_size=1, max_size=most_nodes))))


def urgencies(n: int) -> SearchStrategy[np.ndarray]:
    """Urgency [n]: mostly zeros and ones, as in the schedulers."""
    return columns(n, st.sampled_from([0.0, 1.0])) | columns(n, ANY)
