"""Equality of nested observations and infos, to the last bit."""

import numpy as np


def assert_same(left, right, where: str = "") -> None:
    """Equal structure, types of arrays and every bit."""
    if isinstance(left, dict):
        assert set(left) == set(right), where
        for key in left:
            assert_same(left[key], right[key], f"{where}.{key}")
        return
    if isinstance(left, tuple) or (isinstance(left, np.ndarray) and left.dtype == object):
        assert len(left) == len(right), where
        for index, (one, other) in enumerate(zip(left, right, strict=True)):
            assert_same(one, other, f"{where}[{index}]")
        return
    assert np.asarray(left).dtype == np.asarray(right).dtype, where
    np.testing.assert_array_equal(left, right, err_msg=where)


def differs(left: dict, right: dict) -> bool:
    """Whether two observations differ anywhere."""
    return any(not np.array_equal(left[key], right[key]) for key in left)
