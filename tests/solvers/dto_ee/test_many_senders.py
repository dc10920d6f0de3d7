"""Block sums of the conductances of many senders against sums of outer products."""

import numpy as np
import pytest

from edge_llm_gym.solvers.dto_ee.many_senders import subtract_pairs, sums_in_blocks


@pytest.mark.parametrize("senders", [(0, 1), (0, 4), (2, 9), (0, 11)])
def test_block_sums_are_outer_products(senders: tuple[int, int]) -> None:
    """Of 11 senders with 0 to 5 of 6 receivers each; blocks of four are full, partial and empty."""
    rng = np.random.default_rng(sum(senders))
    linked = rng.random((11, 6)) < 0.5
    linked[3] = False
    conductance = np.where(linked, rng.uniform(0.1, 2.0, linked.shape), 0.0)
    total = conductance.sum(axis=1)
    first_link = np.concatenate([[0], np.cumsum(linked.sum(axis=1))])
    laplacian = np.diag(rng.uniform(1.0, 2.0, 6))
    expected = laplacian.copy()
    for sender in range(*senders):
        if linked[sender].any():
            expected -= np.outer(conductance[sender], conductance[sender]) / total[sender]
    subtract_pairs(first_link, np.nonzero(linked)[1], conductance[linked], total, senders, laplacian)
    assert laplacian == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_blocks_are_for_large_and_dense_stages() -> None:
    """Sums of small stages keep their order; senders with few links add fewer numbers one by one."""
    dense = np.arange(0, 64 * 101, 64)
    assert sums_in_blocks(dense, 0, 100, 64)
    assert not sums_in_blocks(dense, 0, 100, 63)
    assert not sums_in_blocks(np.arange(0, 15 * 101, 15), 0, 100, 64)
