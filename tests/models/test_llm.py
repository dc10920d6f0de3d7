"""Model shapes: published sizes, weight bytes, and refusal of shapes that cannot exist."""

from dataclasses import replace

import pytest

from edge_llm_gym.models.cost import layer_context_flops
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


def test_heads_need_not_divide_the_model_dimension() -> None:
    # Four heads of width 3 on d_model 8: Q and O 2*8*12 = 192; K, V 2*8*6 = 96; gated FFN 3*8*12 = 288.
    wide = replace(TINY, head_dim=3)
    assert (wide.query_dim, wide.kv_dim) == (12, 6)
    assert wide.layer_parameters == 192 + 96 + 288
    assert wide.kv_elements_per_token == 2 * 2 * 6
    assert replace(wide, layers=1).head_dim == 3
    assert layer_context_flops(wide) == 4 * 12


def test_quantisers_leave_embedding_and_head_at_16_bits() -> None:
    assert layer_weight_bytes(TINY, 4) == 240
    assert head_weight_bytes(TINY, 4) == 160
    assert head_weight_bytes(TINY, 4, 6) == 60
    assert weight_bytes(TINY, 4) == 2 * 240 + 2 * 160
    assert weight_bytes(TINY, 4, 6) == 2 * 240 + 2 * 60
    assert streamed_weight_bytes(TINY, 4, 6) == 2 * 240 + 60
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
        (
            {"d_model": 10, "head_dim": 0},
            ValueError,
            "d_model must be a multiple of heads, got 10 and 4; give head_dim",
        ),
        ({"head_dim": -1}, ValueError, "head_dim must be at least 1, got -1"),
        ({"head_dim": 2.5}, TypeError, "head_dim is a count and must be a whole number, got 2.5"),
        ({"kv_heads": 3}, ValueError, "heads must be a multiple of kv_heads, got 4 and 3"),
    ],
)
def test_impossible_shapes_are_rejected(change: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        replace(TINY, **change)


def test_unknown_model_suggests_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"unknown model 'llama-3-8'.*did you mean 'llama-3-8b'"):
        model_shape("llama-3-8")
