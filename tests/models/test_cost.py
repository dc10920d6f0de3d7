"""Cost functions against brute-force sums over tokens, on scalars and arrays."""

import numpy as np
import pytest

from edge_llm_gym.models.cost import (
    batch_time_s,
    head_flops,
    kv_bytes,
    kv_read_bytes,
    layer_flops,
    layer_prefill_flops,
    request_flops,
)
from edge_llm_gym.models.llm import ModelShape, model_shape

GROUPED = ModelShape("grouped", 3, 16, 4, 2, 40, True, 50, False)
FUNCTIONS = {
    "layer_flops": layer_flops,
    "request_flops": request_flops,
    "kv_bytes": lambda *request: kv_bytes(*request, 16),
    "kv_read_bytes": lambda *request: kv_read_bytes(*request, 16),
}
every_function = pytest.mark.parametrize("function", list(FUNCTIONS.values()), ids=list(FUNCTIONS))


def brute_layer_flops(shape: ModelShape, prompt: int, output: int) -> int:
    """Each token passes the matrices; prompt tokens attend to the whole prompt, decode step j to prompt + j tokens."""
    attended = [prompt] * prompt + [prompt + j for j in range(1, output)]
    return sum(2 * shape.layer_parameters + 4 * shape.d_model * context for context in attended)


@pytest.mark.parametrize(("prompt", "output"), [(1, 1), (7, 1), (7, 2), (128, 33)])
def test_layer_flops_sum_over_tokens(prompt: int, output: int) -> None:
    assert layer_flops(GROUPED, prompt, output) == brute_layer_flops(GROUPED, prompt, output)
    assert layer_prefill_flops(GROUPED, prompt) == brute_layer_flops(GROUPED, prompt, 1)


def test_plain_decoder_matches_the_textbook_formula() -> None:
    shape, s, n = model_shape("bloom-3b"), 512, 128
    d, f = shape.d_model, shape.d_ff
    prefill = 8 * s * d**2 + 4 * s**2 * d + 4 * s * d * f
    decode = (n - 1) * (8 * d**2 + 4 * d * (s + n / 2) + 4 * d * f)
    assert layer_flops(shape, s, n) == pytest.approx(prefill + decode, rel=1e-12)


def test_request_flops_are_layers_plus_head() -> None:
    body = 3 * layer_flops(GROUPED, 10, 4)
    assert request_flops(GROUPED, 10, 4, head=False) == body
    assert request_flops(GROUPED, 10, 4) == body + 4 * 2 * 16 * 50
    assert head_flops(GROUPED, 4) == 4 * 2 * 16 * 50


def test_padding_computes_every_prompt_at_one_length() -> None:
    padded = request_flops(GROUPED, np.array([3, 8]), np.array([4, 4]), pad_to=8)
    np.testing.assert_array_equal(padded, request_flops(GROUPED, np.array([8, 8]), 4))
    with pytest.raises(ValueError, match="padded to 8 tokens but one has 9"):
        request_flops(GROUPED, np.array([3, 9]), 4, pad_to=8)


def test_kv_read_sums_over_decode_steps() -> None:
    per_token = 3 * 2 * 2 * 4 * 16 / 8
    for prompt, output in [(5, 1), (5, 2), (64, 17)]:
        expected = per_token * sum(prompt + j for j in range(1, output))
        assert kv_read_bytes(GROUPED, prompt, output, 16) == expected


def test_kv_of_a_grouped_model_is_an_eighth_of_a_gigabyte_per_thousand_tokens() -> None:
    # 2 * 32 layers * 8 KV heads * 128 * 2 bytes = 131,072 bytes a token.
    assert kv_bytes(model_shape("llama-3-8b"), 900, 100, 16) == 131_072 * 1000
    assert kv_bytes(model_shape("llama-3-8b"), 900, 100, 8) == 65_536 * 1000


@every_function
def test_arrays_agree_with_scalars_and_broadcast(function) -> None:
    prompt, output = np.array([[1], [30]]), np.array([1, 2, 50])
    table = function(GROUPED, prompt, output)
    assert table.shape == (2, 3)
    assert [[function(GROUPED, s, n) for n in (1, 2, 50)] for s in (1, 30)] == table.tolist()


@every_function
def test_an_empty_slot_costs_nothing(function) -> None:
    assert function(GROUPED, 0, 0) == 0


@pytest.mark.parametrize(
    ("prompt", "output", "name"), [(-1, 1, "prompt"), (1, -1, "output"), (float("nan"), 1, "prompt")]
)
def test_impossible_token_counts_are_rejected(prompt: float, output: float, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} tokens must be zero or more"):
        layer_flops(GROUPED, prompt, output)


def test_batch_time_is_sum_of_work_plus_longest_shared() -> None:
    assert batch_time_s([1.0, 2.0, 3.0], [5.0, 7.0, 1.0]) == 13.0
    assert batch_time_s([], []) == 0.0
