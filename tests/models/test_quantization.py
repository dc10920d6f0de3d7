"""Quantisation: the perplexity table, the quality factor, and what happens where no perplexity is known."""

import itertools

import pytest

from edge_llm_gym.models.catalogue import QuantizationSection
from edge_llm_gym.models.llm import MODELS, model_shape, weight_bytes
from edge_llm_gym.models.quantization import METHODS, quantization

TABULATED = sorted(METHODS["w4a16-gptq"].perplexity)


def test_quality_is_before_over_after() -> None:
    found = quantization("bloom-3b", "w4a16-gptq")
    assert (found.weight_bits, found.kv_bits) == (4, 16)
    assert (found.perplexity_before, found.perplexity_after) == (13.48, 14.20)
    assert found.quality == pytest.approx(0.9493, abs=1e-4)


@pytest.mark.parametrize(("model", "method"), list(itertools.product(MODELS, ["fp16", "w8a16"])))
def test_lossless_methods_keep_the_quality_of_every_model(model: str, method: str) -> None:
    assert quantization(model, method).quality == 1.0


@pytest.mark.parametrize("model", TABULATED)
def test_gptq_beats_rounding_and_three_bits_lose_most(model: str) -> None:
    gptq4, rtn4, gptq3 = (quantization(model, m).quality for m in ("w4a16-gptq", "w4a16-rtn", "w3a16-gptq"))
    assert gptq3 < gptq4 < 1
    assert rtn4 < gptq4


def test_every_perplexity_is_that_of_a_shipped_model() -> None:
    assert {model for method in METHODS.values() for model in method.perplexity} <= set(MODELS)


def test_a_model_without_a_table_asks_for_its_perplexity() -> None:
    with pytest.raises(
        ValueError,
        match=r"'qwen2.5-7b' under 'w4a16-gptq'.*give perplexity \[before, after\], or choose .* bloom-3b",
    ):
        quantization("qwen2.5-7b", "w4a16-gptq")
    assert quantization("qwen2.5-7b", "w4a16-gptq", perplexity=(6.0, 8.0)).quality == 0.75


def test_published_perplexities_hold_before_the_assumption_of_no_loss() -> None:
    # 6.234284 / 6.231633, llama.cpp's table; other models are taken as lossless.
    assert 1 / quantization("llama-3-8b", "q8_0").quality == pytest.approx(1.000425, abs=1e-6)
    assert quantization("qwen3-0.6b", "q8_0").quality == 1.0
    assert 1 / quantization("llama-3-8b", "q4_k_m").quality == pytest.approx(1.028160, abs=1e-6)


def test_a_row_of_ones_own_is_applied_like_a_shipped_one() -> None:
    pair = QuantizationSection(name="mine", weight_bits=4.5, table_bits=8, compute_scale=1.2, perplexity=(6.0, 8.0))
    found = quantization("anything", pair)
    assert (found.name, found.weight_bits, found.table_bits, found.kv_bits) == ("mine", 4.5, 8, 16)
    assert (found.compute_scale, found.quality) == (1.2, 0.75)
    by_model = QuantizationSection(weight_bits=4, perplexity={"a": (1.0, 2.0)})
    assert quantization("a", by_model).quality == 0.5
    with pytest.raises(ValueError, match="no perplexity of model 'b' under 'own' is known"):
        quantization("b", by_model)


@pytest.mark.parametrize(
    ("method", "published_gib"), [("q4_k_m", 4.58), ("q5_k_m", 5.33), ("q6_k", 6.14), ("q8_0", 7.95), ("fp16", 14.96)]
)
def test_weights_of_llama_are_as_large_as_the_published_files(method: str, published_gib: float) -> None:
    # llama.cpp, tools/quantize/README.md. An untied embedding takes fewer bits there than table_bits says.
    row = METHODS[method]
    size = weight_bytes(model_shape("llama-3.1-8b"), row.weight_bits, row.table_bits)
    assert size / 2**30 == pytest.approx(published_gib, rel=0.03 if method in ("q4_k_m", "q5_k_m") else 0.002)


def test_given_numbers_replace_the_tables() -> None:
    found = quantization("opt-13b", "w4a16-rtn", perplexity=(1.0, 2.0), compute_scale=0.5)
    assert (found.quality, found.compute_scale) == (0.5, 0.5)


def test_faulty_names_and_numbers_are_rejected() -> None:
    with pytest.raises(ValueError, match=r"unknown quantisation method 'w4a16-gtpq'.*did you mean 'w4a16-gptq'"):
        quantization("opt-13b", "w4a16-gtpq")
    with pytest.raises(ValueError, match="perplexity_after must be positive and finite, got 0"):
        quantization("opt-13b", "fp16", perplexity=(1.0, 0))
