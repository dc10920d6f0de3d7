"""One thread for PyTorch, so that tiny models do not wait for threads of a busy machine."""

import pytest
import torch as th


@pytest.fixture(autouse=True)
def _one_thread():
    before = th.get_num_threads()
    th.set_num_threads(1)
    yield
    th.set_num_threads(before)
