"""Quantisation: the perplexity table, the quality factor, and what happens where no perplexity is known."""

import itertools

import pytest

from edge_llm_gym.models.llm import MODELS
from edge_llm_gym.models.quantization import METHODS, PERPLEXITY, quantization

TABULATED = sorted({model for model, _ in PERPLEXITY})


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


def test_every_table_entry_names_a_shipped_model_and_method() -> None:
    assert set(TABULATED) <= set(MODELS)
    assert {method for _, method in PERPLEXITY} <= set(METHODS)


def test_a_model_without_a_table_asks_for_its_perplexity() -> None:
    with pytest.raises(ValueError, match=r"'qwen2.5-7b' under 'w4a16-gptq'.*pass perplexity=\(before, after\)"):
        quantization("qwen2.5-7b", "w4a16-gptq")
    assert quantization("qwen2.5-7b", "w4a16-gptq", perplexity=(6.0, 8.0)).quality == 0.75


def test_given_numbers_replace_the_tables() -> None:
    found = quantization("opt-13b", "w4a16-rtn", perplexity=(1.0, 2.0), compute_scale=0.5)
    assert (found.quality, found.compute_scale) == (0.5, 0.5)


def test_faulty_names_and_numbers_are_rejected() -> None:
    with pytest.raises(ValueError, match=r"unknown quantisation method 'w4a16-gtpq'.*did you mean 'w4a16-gptq'"):
        quantization("opt-13b", "w4a16-gtpq")
    with pytest.raises(ValueError, match="perplexity_after must be positive and finite, got 0"):
        quantization("opt-13b", "fp16", perplexity=(1.0, 0))
