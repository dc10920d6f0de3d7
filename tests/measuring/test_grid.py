"""Grids, whole batches and the memory that they take; none of it needs PyTorch."""

import pytest

from edge_llm_gym.measuring.batches import WholeBatch, draw_batches
from edge_llm_gym.measuring.grid import GRIDS, QUICK, Grid, make_grid
from edge_llm_gym.measuring.memory import HEADROOM, cache_bytes, require_memory, required_bytes
from edge_llm_gym.models.llm import model_shape
from tests.measuring.shapes import PLAIN

SMALL = Grid((1, 2, 4), (64, 128, 300), repeats=10, whole_batches=5)


def test_options_change_the_default_grid_of_a_device():
    assert make_grid("cpu") == GRIDS["cpu"]
    assert make_grid("cuda", quick=True) == QUICK
    changed = make_grid("cuda", batches=(1, 2, 3), contexts=(8, 16, 32), repeats=7)
    assert (changed.batches, changed.contexts, changed.repeats) == ((1, 2, 3), (8, 16, 32), 7)
    assert changed.whole_batches == GRIDS["cuda"].whole_batches


def test_properties_of_a_grid():
    assert (SMALL.max_batch, SMALL.max_tokens, SMALL.capacity, SMALL.prefill_repeats) == (4, 300, 512, 3)
    assert Grid((1, 2, 3), (8, 16, 256), repeats=1).prefill_repeats == 1
    assert Grid((1, 2, 3), (8, 16, 256)).capacity == 256


@pytest.mark.parametrize(
    ("batches", "contexts", "message"),
    [
        ((1, 2), (8, 16, 32), r"batches must hold at least 3 different numbers .* got \(1, 2\)"),
        ((1, 2, 4), (32, 16, 8), r"contexts must hold .* in increasing order, .* got \(32, 16, 8\)"),
        ((1, 2, 2), (8, 16, 32), r"batches must hold .* different"),
        ((0, 1, 2), (8, 16, 32), r"batches\[0\] must be at least 1, got 0"),
    ],
)
def test_a_grid_without_points_to_hold_out_is_refused(batches, contexts, message):
    with pytest.raises(ValueError, match=message):
        Grid(batches, contexts)


def test_contexts_of_a_whole_batch_are_rounded_up():
    batch = WholeBatch((100, 254, 10), (2, 4, 1))  # three iterations, at 255, 256 and 257 tokens
    assert batch.contexts() == [256, 256, 512]
    assert WholeBatch((5,), (1,)).contexts() == []


def test_whole_batches_fit_the_cache_and_follow_the_seed():
    batches = draw_batches(SMALL, seed=1)
    assert [len(batch.prompts) for batch in batches] == [4, 2, 1, 4, 2]
    assert batches == draw_batches(SMALL, seed=1) != draw_batches(SMALL, seed=2)
    assert max(max(batch.prompts) for batch in batches) == 300 * 6 // 8  # long prompts are cut
    assert max(max(batch.outputs) for batch in batches) == 300 // 8
    assert min(min(batch.prompts) for batch in batches) >= 1
    assert max(max(batch.contexts(), default=0) for batch in batches) <= SMALL.capacity


def test_every_whole_batch_has_a_decode_iteration():
    batches = draw_batches(Grid((1, 2, 3), (4, 6, 8)), seed=0)  # outputs would be cut to one token
    assert {outputs for batch in batches for outputs in batch.outputs} == {2}


def test_required_memory_by_hand():
    # 2 bytes; plain: 3 layers of 4 * 16^2 + 2 * 16 * 64, tied table of 30 * 16; cache of 4 x 512 tokens.
    weights = 2 * (3 * (4 * 16 * 16 + 2 * 16 * 64) + 30 * 16)
    cache = 2 * 4 * 512 * 3 * 2 * 16
    activations = 2 * 300 * (3 * 16 + 2 * 3 * 16 + 2 * 64)
    assert required_bytes(PLAIN, SMALL, 16) == pytest.approx(HEADROOM * (weights + cache + activations))
    assert required_bytes(PLAIN, SMALL, 32) == pytest.approx(2 * required_bytes(PLAIN, SMALL, 16))
    assert cache_bytes(PLAIN, SMALL, 16) == cache


def test_a_model_that_does_not_fit_is_refused_with_both_numbers():
    shape, grid = model_shape("llama-3-8b"), GRIDS["cuda"]
    require_memory(shape, grid, 16, 80e9)
    with pytest.raises(
        ValueError, match=r"'llama-3-8b' at 16 bits needs .* \(16.06 GB of weights, 17.18 GB .* 24.00 GB"
    ):
        require_memory(shape, grid, 16, 24e9)
