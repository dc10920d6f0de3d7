"""Decode steps are prepared once for each context and repeated in that form; tokens are chosen greedily."""

from collections import Counter

import pytest
import torch as th

from edge_llm_gym.measuring.batches import WholeBatch
from edge_llm_gym.measuring.grid import Grid
from edge_llm_gym.measuring.kv_cache import KvCache
from edge_llm_gym.measuring.processors import Cpu, Cuda
from edge_llm_gym.measuring.workbench import Workbench
from tests.measuring.shapes import GATED

GRID = Grid((1, 2, 3), (8, 16, 300))


class CountingCpu(Cpu):
    """Counts the repetitions of each prepared step, as a GPU replays graphs."""

    def __init__(self):
        super().__init__()
        self.replays = Counter()

    def prepare(self, step):
        index = len(self.replays)
        self.replays[index] = 0

        def replay():
            self.replays[index] += 1
            step()

        return replay


def test_a_whole_batch_repeats_one_prepared_step_for_each_rounded_context():
    processor = CountingCpu()
    bench = Workbench(GATED, GRID, processor, 32, 0)
    run = bench.decoding(WholeBatch((253, 9), (6, 2)))  # five iterations, at 254, 255, 256, 257, 258 tokens
    assert processor.replays == {0: 0, 1: 0}
    run()
    assert processor.replays == {0: 3, 1: 2}


def test_a_step_feeds_the_likeliest_token_to_the_next_one():
    bench = Workbench(GATED, GRID, Cpu(), 32, 0)
    bench.prefill(8, row=1)()
    cache = KvCache.empty(GATED, 1, 16, bench.model.embedding.weight)
    expected = bench.model.prefill(bench.prompts[1:2, :8], cache).argmax()
    assert bench.tokens[1] == expected
    for context in (9, 10):
        logits = bench.model.decode(bench.tokens[1:2].clone(), context, cache)
        bench.decode(2, context)()
        assert bench.tokens[1] == logits.argmax()


@pytest.mark.skipif(not th.cuda.is_available(), reason="needs a CUDA device")
def test_a_replayed_graph_chooses_the_tokens_of_the_step_on_a_gpu():
    bench = Workbench(GATED, GRID, Cuda(), 16, 0)
    for row in range(2):
        bench.prefill(8, row)()
    replay = bench.decode(2, 10)
    for token in (3, 7):
        bench.tokens.fill_(token)
        expected = bench.model.decode(bench.tokens[:2].clone(), 10, bench.cache.rows(0, 2)).argmax(-1, keepdim=True)
        replay()
        th.cuda.synchronize()
        assert th.equal(bench.tokens[:2], expected)
