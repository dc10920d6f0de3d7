"""Elements and rows of arrays by whole numbers: as in Python, with few instructions."""

import numba
import numpy as np
import pytest

from edge_llm_gym.compiled import elements, linking, njit

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")


@njit()
def everything(vector, matrix, cube, i, j, k):
    """Reads and writes of elements and rows, with indices from either end."""
    first = vector[i] + vector[-1] + vector[0]
    second = matrix[i, j] + matrix[i, -1] + matrix[-1, j] + matrix[i][j]
    third = cube[i, j, k] + cube[i][j, k] + cube[i, j][k] + cube[-1][j][-1]
    vector[i], vector[-1] = vector[j], 7
    matrix[i, j], matrix[-1, 0], matrix[j][0] = first, 5, 4
    cube[i, j, k], cube[-1, -1, -1], cube[i][j][0] = third, 3, 2
    return first, second, third, matrix[j].sum(), cube[j].shape, cube[i, j].size, cube[i].size, cube[k].strides


def arrays(dtype, order, step):
    """A vector, a matrix and a cube, contiguous in an order of axes, or every other element of one."""
    shapes = [(5,), (5, 4), (5, 4, 3)]
    whole = [np.arange(step * np.prod(shape)).reshape(*shape[:-1], -1) % 100 for shape in shapes]
    return [np.asarray(array, dtype, order=order)[..., ::step] for array in whole]


@pytest.mark.parametrize(("order", "step"), [("C", 1), ("F", 1), ("C", 2)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32])
def test_elements_and_rows_are_those_of_python(dtype, order, step):
    compiled, plain = arrays(dtype, order, step), arrays(dtype, order, step)
    for i, j, k in ((0, 1, 2), (3, 2, 1), (-1, -2, -3)):
        found, expected = everything(*compiled, i, j, k), everything.py_func(*plain, i, j, k)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)
    for one, other in zip(compiled, plain, strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_types_of_elements_and_indices():
    @njit()
    def flags(mask, places, small, large):
        mask[small], mask[places[0]] = True, mask[large]
        return mask[small], mask[places[1]], places[large] + 1

    for function in (flags, flags.py_func):
        mask, places = np.array([False, False, True]), np.array([1, 2], np.int16)
        assert tuple(function(mask, places, np.int8(-3), np.uint64(1))) == (True, True, 3)
        assert mask.tolist() == [True, False, True]


def test_a_small_index_without_a_sign_counts_from_the_begin():
    @njit()
    def element(values, place):
        return values[place]

    assert element(np.arange(256.0), np.uint8(200)) == 200.0
    assert element(np.arange(256.0), np.int8(-56)) == 200.0


def test_a_row_keeps_its_array_alive():
    @njit()
    def last_row(count):
        matrix = np.empty((count, count))
        for i in range(count):
            matrix[i, :] = i
        return matrix[count - 1]

    rows = [last_row(100) for _ in range(50)]
    assert all(row.tolist() == [99.0] * 100 for row in rows)


def test_a_read_takes_few_instructions(monkeypatch):
    texts = []
    add = linking.EntryLibrary.add_ir_module
    monkeypatch.setattr(
        linking.EntryLibrary, "add_ir_module", lambda self, module: (texts.append(str(module)), add(self, module))
    )
    counts = []
    for is_element in (elements.is_element, lambda *given: False):
        monkeypatch.setattr(elements, "is_element", is_element)
        read = njit(_nrt=False)(lambda matrix, i, j: matrix[i, j])
        texts.clear()
        assert read(np.arange(6.0).reshape(2, 3), 1, -1) == 5.0
        code = next(text for text in texts if "lambda" in text and "define i32" in text)
        counts.append(len(code.splitlines()))
    assert counts[0] < counts[1] - 20


def test_indices_are_checked_where_asked_for(monkeypatch):
    monkeypatch.setattr(numba.config, "BOUNDSCHECK", True)
    checked = njit(boundscheck=True)(lambda vector, i: vector[i])
    with pytest.raises(IndexError, match="out of bounds"):
        checked(np.ones(3), 3)
