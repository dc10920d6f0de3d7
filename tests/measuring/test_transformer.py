"""The transformer that is timed: against NumPy, decode against prefill, and its number of parameters."""

from dataclasses import replace

import numpy as np
import pytest
import torch as th

from edge_llm_gym.measuring.kv_cache import KvCache
from edge_llm_gym.measuring.transformer import random_transformer
from tests.measuring.by_hand import logits_by_hand
from tests.measuring.shapes import GATED, PLAIN

SHAPES = pytest.mark.parametrize("shape", [GATED, PLAIN], ids=lambda shape: shape.name)
CAPACITY = 12


def made(shape, dtype=th.float64):
    model = random_transformer(shape, CAPACITY, "cpu", dtype, seed=3)
    tokens = th.randint(shape.vocabulary, (3, 9), generator=th.Generator().manual_seed(4))
    return model, tokens, KvCache.empty(shape, 3, CAPACITY, model.embedding.weight)


@SHAPES
def test_the_prefill_agrees_with_numpy(shape):
    model, tokens, cache = made(shape)
    weights = {name: parameter.numpy() for name, parameter in model.named_parameters()}
    expected = [logits_by_hand(weights, shape, row) for row in tokens.tolist()]
    np.testing.assert_allclose(model.prefill(tokens, cache), expected, rtol=1e-6, atol=1e-6)


@SHAPES
def test_decoding_with_the_cache_gives_the_logits_of_a_prefill(shape):
    model, tokens, cache = made(shape)
    model.prefill(tokens[:, :4], cache)
    for context in range(5, 10):
        decoded = model.decode(tokens[:, context - 1 : context], context, cache)
        fresh = KvCache.empty(shape, 3, CAPACITY, model.embedding.weight)
        np.testing.assert_allclose(decoded, model.prefill(tokens[:, :context], fresh), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(cache.keys[:, :, :, :context], fresh.keys[:, :, :, :context], atol=1e-9)


@SHAPES
def test_a_row_of_the_cache_holds_the_sequence_that_was_prefilled_into_it(shape):
    model, tokens, cache = made(shape)
    for row in range(3):
        model.prefill(tokens[row : row + 1], cache.rows(row, 1))
    together = KvCache.empty(shape, 3, CAPACITY, model.embedding.weight)
    model.prefill(tokens, together)
    np.testing.assert_allclose(cache.values, together.values, atol=1e-9)


@SHAPES
def test_the_matrices_have_the_parameters_of_the_shape(shape):
    model, _, cache = made(shape)
    assert sum(matrix.numel() for matrix in model.parameters() if matrix.dim() == 2) == shape.parameters
    assert cache.keys.numel() + cache.values.numel() == 3 * CAPACITY * shape.kv_elements_per_token


def test_weights_and_cache_have_the_type_that_was_asked_for():
    model, tokens, cache = made(GATED, th.bfloat16)
    assert {parameter.dtype for parameter in model.parameters()} == {th.bfloat16}
    assert model.prefill(tokens, cache).dtype == cache.keys.dtype == th.bfloat16


def test_a_seed_decides_on_the_weights():
    first, again, other = (
        random_transformer(PLAIN, CAPACITY, "cpu", th.float32, seed).embedding.weight for seed in (0, 0, 1)
    )
    assert th.equal(first, again)
    assert not th.equal(first, other)


def test_rotary_positions_refuse_heads_of_odd_dimension():
    odd = replace(GATED, head_dim=3)
    with pytest.raises(ValueError, match=r"'gated': rotary positions need an even head dimension, got 3"):
        random_transformer(odd, CAPACITY, "cpu", th.float32, 0)
