"""Fits against known coefficients, another solver and sums written out; timings that do not determine a fit."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import nnls

from edge_llm_gym.models.cost import request_flops
from edge_llm_gym.models.cost_models import FittedTimes
from edge_llm_gym.models.hardware import hardware
from edge_llm_gym.models.hardware_profiles import fit_efficiencies, fit_profile, roofline_errors
from edge_llm_gym.models.hardware_profiles.least_squares import fit_nonnegative
from edge_llm_gym.models.hardware_profiles.prediction import padded_decode_s
from edge_llm_gym.models.llm import head_weight_bytes, layer_weight_bytes, model_shape
from edge_llm_gym.models.timings import Timing

TIMES = FittedTimes(p0_s=0.004, p1_s_per_flop=2e-15, c0_s=0.006, c1_s=3e-6, c2_s_per_token=5e-8)
SHAPES = [(1, 128), (1, 2000), (4, 512), (16, 1024)]


def decode(batch: int, context: int, model: str = "llama-3-8b") -> Timing:
    seconds = TIMES.c0_s + TIMES.c1_s * batch + TIMES.c2_s_per_token * batch * context
    return Timing("gpu", model, 16.0, "decode", batch, context, seconds)


def prefill(batch: int, prompt: int, model: str = "llama-3-8b") -> Timing:
    flops = batch * float(request_flops(model_shape(model), prompt, 1))
    return Timing("gpu", model, 16.0, "prefill", batch, prompt, TIMES.p0_s + TIMES.p1_s_per_flop * flops)


def timings(model: str = "llama-3-8b") -> list[Timing]:
    return [kind(*shape, model) for kind in (decode, prefill) for shape in SHAPES]


def whole_batch(kind: str, seconds: float) -> Timing:
    return Timing("gpu", "llama-3-8b", 16.0, kind, 2, None, seconds, (500, 300), (2, 14))


def test_known_coefficients_are_found() -> None:
    row = fit_profile(timings(), "by hand").row("llama-3-8b", 16, 16)
    np.testing.assert_allclose(row.times(), TIMES, rtol=1e-5)
    assert row.decode.errors is not None
    assert row.decode.errors.worst == 0.0
    assert (row.decode.max_batch, row.decode.max_context_tokens, row.prefill.max_prompt_tokens) == (16, 2000, 2000)


def test_errors_by_hand() -> None:
    # Far more timings of the law than the one that takes 1.25 times as long: its error is 1 - 1 / 1.25 of the timing.
    odd = replace(decode(2, 300), seconds=1.25 * decode(2, 300).seconds)
    row = fit_profile([*timings(), *[decode(2, 300)] * 200, odd], "by hand").rows[0]
    assert row.decode.errors is not None
    assert row.decode.errors.worst == pytest.approx(0.2, abs=0.003)
    assert row.decode.errors.timings == 205


def test_padded_batches_are_held_out_and_take_the_sum_of_their_iterations() -> None:
    # Iterations 1..13 of two sequences. Contexts 501..512 are rounded up to 512 tokens, 513 to 768.
    expected = 13 * (0.006 + 2 * 3e-6) + 5e-8 * 2 * (12 * 512 + 768)
    assert padded_decode_s(TIMES, (500, 300), (2, 14)) == pytest.approx(expected, rel=1e-12)
    batch = [whole_batch("batch_prefill", 0.5), whole_batch("batch", 0.5 + expected / 0.9)]
    profile = fit_profile([*timings(), *batch], "by hand")
    assert profile.rows[0].batches is not None
    assert profile.rows[0].batches.worst == pytest.approx(0.1)
    assert profile.rows[0].times() == fit_profile(timings(), "by hand").rows[0].times()


def test_coefficients_are_those_of_another_solver_and_never_negative() -> None:
    rng = np.random.default_rng(0)
    at_zero = 0
    for _ in range(200):
        terms, measured = rng.random((8, 3)) ** 3, rng.uniform(0.5, 2.0, 8)
        expected, _ = nnls(terms / measured[:, None], np.ones(8))
        np.testing.assert_allclose(fit_nonnegative(terms, measured), expected, rtol=1e-6, atol=1e-9)
        at_zero += int((expected == 0).any())
    assert 20 < at_zero < 200


def test_each_model_and_number_of_bits_has_a_row() -> None:
    four = [replace(each, weight_bits=4.0) for each in timings()]
    profile = fit_profile([*timings(), *four, *timings("opt-13b")], "by hand", kv_bits=8.0)
    assert [(row.model, row.weight_bits, row.kv_bits) for row in profile.rows] == [
        ("llama-3-8b", 16, 8),
        ("llama-3-8b", 4, 8),
        ("opt-13b", 16, 8),
    ]


ONE_BATCH = [each for each in timings() if each.batch == 1]


@pytest.mark.parametrize(
    ("faulty", "message"),
    [
        ([], "timings of one device, got 0 devices: no timings"),
        ([*timings(), replace(decode(1, 1), device="cpu")], "timings of one device, got 2 devices: cpu, gpu"),
        (ONE_BATCH, "llama-3-8b at 16 bits needs decode iterations at two batch sizes .* 2 timings"),
        ([each for each in timings() if each.kind == "decode"], "needs prefills of two prompt lengths.* 0 timings"),
        ([replace(each, model="llama-3-9b") for each in timings()], "unknown model .* did you mean 'llama-3-8b'"),
        ([*timings(), whole_batch("batch", 1.0)], r"batch needs the timing of its prefills .* \[500, 300\] lacks"),
        (
            [replace(each, seconds=each.batch * 0.01) if each.kind == "decode" else each for each in timings()],
            "decode timings of llama-3-8b at 16 bits do not follow the cost law: .*no time per iteration",
        ),
    ],
)
def test_timings_that_do_not_determine_a_fit_are_refused(faulty: list[Timing], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_profile(faulty, "by hand")


def test_efficiencies_that_made_the_timings_are_found() -> None:
    # An H100 with other efficiencies, whose seconds are written out here.
    device, made = hardware("nvidia-h100-sxm"), []
    for name in ("bloom-3b", "llama-3-8b", "opt-13b"):
        shape = model_shape(name)
        weights = shape.layers * layer_weight_bytes(shape, 16) + head_weight_bytes(shape, 16)
        token_flops = 2 * shape.layers * shape.layer_parameters + 2 * shape.head_parameters
        for batch, tokens in SHAPES:
            kv_bytes = 2 * shape.kv_elements_per_token * batch * tokens
            decode_s = 0.002 + (weights + kv_bytes) / (0.75 * 3.35e12) + 0.2 * batch * token_flops / (0.6 * 989e12)
            prefill_s = 0.003 + batch * float(request_flops(shape, tokens, 1)) / (0.6 * 989e12)
            made.append(Timing("gpu", name, 16.0, "decode", batch, tokens, decode_s))
            made.append(Timing("gpu", name, 16.0, "prefill", batch, tokens, prefill_s))
    found = fit_efficiencies(made, device)
    expected = {
        "flops_fraction": 0.6,
        "bandwidth_fraction": 0.75,
        "step_overhead_s": 0.002,
        "prefill_overhead_s": 0.003,
    }
    assert {field: getattr(found, field) for field in expected} == pytest.approx(expected, rel=0.01)
    assert max(errors.worst for errors in roofline_errors(found, made).values()) < 0.005
    with pytest.raises(ValueError, match="prefills and of decode iterations, got 0 and 12"):
        fit_efficiencies([each for each in made if each.kind == "decode"], device)
