"""CUDA graphs: the kernels of a step are recorded once and started together, without the cost of each launch."""

from collections.abc import Callable
from typing import Any

import torch as th

Step = Callable[[], None]
"""Work on tensors that stay at their addresses."""
WARM_UP_STEPS = 3
"""Runs before the recording, in which libraries choose kernels and allocate; PyTorch's documentation advises three."""


class GraphRecorder:
    """Records steps; all graphs share one memory pool, so no result of a graph outlives the replay of another one."""

    def __init__(self, cuda: Any = th.cuda) -> None:
        """``cuda`` is `torch.cuda`, or a substitute with the same functions in a test without a GPU."""
        self._cuda = cuda
        self._pool = cuda.graph_pool_handle()

    def __call__(self, step: Step) -> Step:
        """A function that replays the kernels of ``step``."""
        self._warm_up(step)
        graph = self._cuda.CUDAGraph()
        with self._cuda.graph(graph, pool=self._pool):
            step()
        return graph.replay

    def _warm_up(self, step: Step) -> None:
        """Runs the step on a side stream, as capturing requires."""
        side = self._cuda.Stream()
        side.wait_stream(self._cuda.current_stream())
        with self._cuda.stream(side):
            for _ in range(WARM_UP_STEPS):
                step()
        self._cuda.current_stream().wait_stream(side)
