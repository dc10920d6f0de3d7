"""A model with its cache on a device, and the work that is timed on it."""

from collections.abc import Sequence

import torch as th

from edge_llm_gym.measuring.batches import WholeBatch
from edge_llm_gym.measuring.graphs import Step
from edge_llm_gym.measuring.grid import Grid
from edge_llm_gym.measuring.kv_cache import KvCache
from edge_llm_gym.measuring.memory import require_memory
from edge_llm_gym.measuring.processors import DTYPES, Processor
from edge_llm_gym.measuring.transformer import random_transformer
from edge_llm_gym.models.llm import ModelShape


class Workbench:
    """Prefills, decode steps and whole batches as functions without arguments.

    Raises ValueError where weights, cache and activations do not fit into the free memory, before allocating them.
    """

    def __init__(self, shape: ModelShape, grid: Grid, processor: Processor, bits: int, seed: int) -> None:
        require_memory(shape, grid, bits, processor.free_bytes())
        self.processor = processor
        self.model = random_transformer(shape, grid.capacity, processor.kind, DTYPES[bits], seed)
        self.cache = KvCache.empty(shape, grid.max_batch, grid.capacity, self.model.embedding.weight)
        generator = th.Generator(processor.kind).manual_seed(seed)
        size = (grid.max_batch, grid.capacity)
        self.prompts = th.randint(shape.vocabulary, size, generator=generator, device=processor.kind)
        self.tokens = self.prompts[:, :1].clone()
        """Last token of every sequence, int64 [batch, 1]; each step replaces them."""

    def prefill(self, tokens: int, row: int = 0) -> Step:
        """The prefill of one prompt into one row of the cache, up to the choice of its first output token."""

        def step() -> None:
            self._choose(self.model.prefill(self.prompts[row : row + 1, :tokens], self.cache.rows(row, 1)), row)

        return step

    def decode(self, batch: int, context: int) -> Step:
        """A decode iteration of the first sequences, up to the choice of their next tokens, ready to be repeated."""

        def step() -> None:
            self._choose(self.model.decode(self.tokens[:batch], context, self.cache.rows(0, batch)), 0)

        return self.processor.prepare(step)

    def prefills(self, batch: WholeBatch) -> Step:
        """The prefills of a whole batch, one by one."""
        return in_order([self.prefill(tokens, row) for row, tokens in enumerate(batch.prompts)])

    def decoding(self, batch: WholeBatch) -> Step:
        """All decode iterations of a whole batch, each at the context of its longest sequence."""
        size, contexts = len(batch.prompts), batch.contexts()
        prepared = {context: self.decode(size, context) for context in sorted(set(contexts))}
        return in_order([prepared[context] for context in contexts])

    def _choose(self, logits: th.Tensor, row: int) -> None:
        """Greedy choice of the next tokens."""
        self.tokens[row : row + len(logits)] = logits.argmax(dim=-1, keepdim=True)


def in_order(steps: Sequence[Step]) -> Step:
    """One function that runs all of them."""

    def run() -> None:
        for step in steps:
            step()

    return run
