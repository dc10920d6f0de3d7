"""One thread for PyTorch, so that tiny models do not wait for threads of a busy machine, and small device limits."""

import pytest
import torch as th

from edge_llm_gym.measuring import limits


@pytest.fixture(autouse=True)
def _one_thread():
    before = th.get_num_threads()
    th.set_num_threads(1)
    yield
    th.set_num_threads(before)


@pytest.fixture
def _small_limits(monkeypatch):
    """A product and a copy of next to nothing."""
    monkeypatch.setattr(limits, "MATRIX_SIZES", {"cpu": 16, "cuda": 16})
    monkeypatch.setattr(limits, "COPIED_BYTES", 2**13)
