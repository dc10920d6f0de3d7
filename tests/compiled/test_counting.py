"""Loops over ranges run as often and with the numbers as in Python."""

import numba
import numpy as np
import pytest

from edge_llm_gym.compiled import counting, njit

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")


@njit()
def visited(start, stop, step, found):
    """Numbers of ranges of each kind, nested, left early, begun anew and beside others."""
    count = 0
    for _ in range(2):
        for number in range(stop):
            if number == 3:
                break
            found[count], count = number, count + 1
        for number in range(start, stop):
            found[count], count = number, count + 1
        else:
            found[count], count = -100, count + 1
    for number in range(start, stop, step):
        found[count], count = number, count + 1
    for index, number in enumerate(range(stop)):
        found[count], count = 10 * index + number, count + 1
    for one, other in zip(range(start, stop), range(stop)):  # noqa: B905 - numba knows no `strict`
        found[count], count = one * other, count + 1
    numbers = range(stop) if step > 0 else range(start, stop)
    for number in numbers:
        found[count], count = number, count + 1
    return count + len(range(start, stop))


@pytest.mark.parametrize(
    ("start", "stop", "step"), [(0, 5, 1), (2, 7, 2), (-3, 4, -1), (4, -2, -2), (3, 3, 1), (0, 1, 9)]
)
def test_numbers_are_those_of_python(start, stop, step):
    found, expected = np.zeros((2, 60))
    assert visited(start, stop, step, found) == visited.py_func(start, stop, step, expected)
    assert found.tolist() == expected.tolist()


def test_a_step_of_zero_is_an_error():
    with pytest.raises(ValueError, match="must not be zero"):
        visited(0, 2, 0, np.zeros(60))


def test_the_step_is_known_where_none_is_given(monkeypatch):
    asked = []
    known = counting.steps_by_one
    monkeypatch.setattr(counting, "steps_by_one", lambda *given: asked.append(known(*given)) or asked[-1])

    @njit()
    def fresh(stop, step):
        total = 0
        for number in range(stop):
            total += number
        for number in range(1, stop, step):
            total += number
        return total

    assert fresh(4, 1) == 12
    assert asked == [True, False]
