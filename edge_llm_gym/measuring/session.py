"""Times a model on a device: rows of prefills, decode iterations, whole batches and the limits of the device."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from edge_llm_gym.measuring.batches import WholeBatch, draw_batches
from edge_llm_gym.measuring.grid import Grid
from edge_llm_gym.measuring.limits import measure_limits
from edge_llm_gym.measuring.processors import DTYPES, Processor
from edge_llm_gym.measuring.rounds import median_seconds
from edge_llm_gym.measuring.workbench import Workbench
from edge_llm_gym.models.llm import ModelShape
from edge_llm_gym.models.timings import Timing

Report = Callable[[str], None]
"""Takes a line about what is timed next."""
MATMUL, COPY, COPY_BITS = "matmul", "copy", 8
"""Model names of the rows with the device's limits, and bits of an element of the copy."""

NO_REQUESTS = WholeBatch((), ())
"""Rows that are no whole batches list no lengths."""


@dataclass(frozen=True)
class Session:
    """What is timed, on what. Raises ValueError for a number of bits other than 16 and 32."""

    shape: ModelShape
    grid: Grid
    processor: Processor
    bits: int = 16
    """Bits of weights, activations and KV cache: 16 (bfloat16) or 32 (float32)."""
    seed: int = 0
    """Seed of weights, tokens, order of the timings and lengths of the whole batches."""

    def __post_init__(self) -> None:
        if self.bits not in DTYPES:
            raise ValueError(
                f"weights of {' or '.join(map(str, DTYPES))} bits are timed, got {self.bits}; for quantised weights, "
                f"time the engine that serves them and use edge-llm-gym fit"
            )

    def run(self, report: Report = lambda _: None) -> list[Timing]:
        """All timings. Raises ValueError for a model and a grid that do not fit into the free memory."""
        report(f"limits of {self.processor.name}: matrix product and copy")
        limits = list(self._limits())  # first: their memory is free again before the model is loaded
        report(f"model {self.shape.name} with weights of {self.bits} bits")
        bench = Workbench(self.shape, self.grid, self.processor, self.bits, self.seed)
        return [
            *self._prefills(bench, report),
            *self._decodes(bench, report),
            *self._batches(bench, report),
            *limits,
        ]

    def _prefills(self, bench: Workbench, report: Report) -> Iterator[Timing]:
        contexts = self.grid.contexts
        report(f"prefills of {_listed(contexts)} tokens")
        works = [bench.prefill(tokens) for tokens in contexts]
        medians = median_seconds(works, self.grid.prefill_repeats, self.processor.seconds, self._rng())
        for tokens, seconds in zip(contexts, medians, strict=True):
            yield self._row("prefill", 1, tokens, seconds)

    def _decodes(self, bench: Workbench, report: Report) -> Iterator[Timing]:
        points = list(product(self.grid.batches, self.grid.contexts))
        report(f"decode iterations of {_listed(self.grid.batches)} sequences of {_listed(self.grid.contexts)} tokens")
        works = [bench.decode(batch, context) for batch, context in points]
        medians = median_seconds(works, self.grid.repeats, self.processor.seconds, self._rng())
        for (batch, context), seconds in zip(points, medians, strict=True):
            yield self._row("decode", batch, context, seconds)

    def _batches(self, bench: Workbench, report: Report) -> Iterator[Timing]:
        for index, batch in enumerate(draw_batches(self.grid, self.seed)):
            report(f"whole batch {index + 1} of {self.grid.whole_batches}: {len(batch.prompts)} requests")
            yield from self._batch(bench, batch)

    def _batch(self, bench: Workbench, batch: WholeBatch) -> Iterator[Timing]:
        prefills, decoding = bench.prefills(batch), bench.decoding(batch)
        prefills()  # kernels of new shapes are chosen before the clock runs
        prefill_s = self.processor.seconds(prefills)
        total_s = prefill_s + self.processor.seconds(decoding)
        for kind, seconds in (("batch_prefill", prefill_s), ("batch", total_s)):
            yield self._row(kind, len(batch.prompts), None, seconds, batch)

    def _limits(self) -> Iterator[Timing]:
        limits, name = measure_limits(self.processor, self.bits), self.processor.name
        yield Timing(name, MATMUL, self.bits, "flops", limits.matrix_size, None, limits.flops)
        yield Timing(name, COPY, COPY_BITS, "bytes_per_s", 1, None, limits.bytes_per_s)

    def _row(self, kind: str, size: int, tokens: int | None, seconds: float, batch: WholeBatch = NO_REQUESTS) -> Timing:
        return Timing(self.processor.name, self.shape.name, self.bits, kind, size, tokens, float(seconds), *batch)

    def _rng(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)


def _listed(values: tuple[int, ...]) -> str:
    return ", ".join(map(str, values))
