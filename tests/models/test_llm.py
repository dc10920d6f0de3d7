"""Model shapes: published sizes, weight bytes, and refusal of shapes that cannot exist."""

from dataclasses import replace

import pytest

from edge_llm_gym.models.llm import (
    MODELS,
    ModelShape,
    head_weight_bytes,
    layer_weight_bytes,
    model_shape,
    streamed_weight_bytes,
    weight_bytes,
)

TINY = ModelShape("tiny", 2, 8, 4, 2, 12, True, 10, False)


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("bloom-3b", 3.00e9),
        ("bloom-7.1b", 7.07e9),
        ("opt-13b", 12.85e9),
        ("llama-3-8b", 8.03e9),
        ("qwen2.5-7b", 7.62e9),
    ],
)
def test_parameters_are_near_the_published_count(name: str, published: float) -> None:
    assert model_shape(name).parameters == pytest.approx(published, rel=0.005)


def test_every_key_is_its_shapes_name() -> None:
    assert all(name == shape.name for name, shape in MODELS.items())


def test_counts_of_a_tiny_shape_by_hand() -> None:
    # head_dim 8/4 = 2, K and V 2*2 = 4 wide. Q, O: 2*8*8 = 128; K, V: 2*8*4 = 64; gated FFN: 3*8*12 = 288.
    assert TINY.head_dim == 2
    assert TINY.layer_parameters == 128 + 64 + 288
    assert TINY.head_parameters == 80
    assert TINY.parameters == 2 * 480 + 2 * 80
    assert replace(TINY, tied_head=True).parameters == 2 * 480 + 80
    assert TINY.kv_elements_per_token_layer == 8
    assert TINY.kv_elements_per_token == 16


def test_quantisers_leave_embedding_and_head_at_16_bits() -> None:
    assert layer_weight_bytes(TINY, 4) == 240
    assert head_weight_bytes(TINY, 4) == 160
    assert head_weight_bytes(TINY, 4, quantize_all=True) == 40
    assert weight_bytes(TINY, 4) == 2 * 240 + 2 * 160
    assert weight_bytes(TINY, 4, quantize_all=True) == 2 * 240 + 2 * 40
    assert weight_bytes(TINY, 32) == 4 * TINY.parameters


def test_a_decode_step_does_not_read_an_untied_embedding() -> None:
    tied = replace(TINY, tied_head=True)
    assert streamed_weight_bytes(TINY, 4) == weight_bytes(TINY, 4) - 160
    assert streamed_weight_bytes(tied, 4) == weight_bytes(tied, 4)


def test_llama_at_16_bits_fills_16_gigabytes() -> None:
    assert weight_bytes(model_shape("llama-3-8b"), 16) == pytest.approx(16.06e9, rel=0.001)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"layers": 0}, ValueError, "layers must be at least 1, got 0"),
        ({"d_ff": 2.5}, TypeError, "d_ff is a count and must be a whole number, got 2.5"),
        ({"d_model": 10}, ValueError, "d_model must be a multiple of heads, got 10 and 4"),
        ({"kv_heads": 3}, ValueError, "heads must be a multiple of kv_heads, got 4 and 3"),
    ],
)
def test_impossible_shapes_are_rejected(change: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        replace(TINY, **change)


def test_unknown_model_suggests_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"unknown model 'llama-3-8'.*did you mean 'llama-3-8b'"):
        model_shape("llama-3-8")
