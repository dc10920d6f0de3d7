"""The cost law against an explicit sum over decode iterations, and each cost model by hand."""

from dataclasses import replace

import numpy as np
import pytest

from edge_llm_gym.models.cost import batch_time_s, layer_prefill_flops, request_flops, token_work
from edge_llm_gym.models.cost_models import CostLaw, FittedTimes, ModelPart, NodeRates, cost_model
from edge_llm_gym.models.hardware import Hardware
from edge_llm_gym.models.llm import ModelShape

SHAPE = ModelShape("grouped", 4, 16, 4, 2, 40, True, 50, False)
LAYER_PARAMETERS = 2 * 16 * (16 + 8) + 3 * 16 * 40  # 2688
WHOLE = ModelPart(SHAPE, layers=4, head=True, weight_bits=8, kv_bits=16)
RATES = NodeRates(
    usable_flops=1e6, usable_bandwidth=1e4, compute_scale=1.5, step_overhead_s=0.25, prefill_overhead_s=0.5
)
FITTED = FittedTimes(p0_s=0.5, p1_s_per_flop=1e-6, c0_s=8.0, c1_s=0.25, c2_s_per_token=0.125)
LAW = CostLaw(p0_s=0.5, p1_s_per_layer_flop=0.001, c0_s=2.0, c1_s=0.25, c2_s_per_token=0.125)


def batch_by_iterations(law: CostLaw, flops: list[float], prompt: list[int], output: list[int]) -> float:
    """Time of a static batch, iteration by iteration: prefills one by one, then one token for each sequence left."""
    time_s = sum(law.p0_s + law.p1_s_per_layer_flop * each for each in flops)
    for step in range(1, max(output)):
        contexts = [s + step for s, n in zip(prompt, output, strict=True) if step < n]
        time_s += law.c0_s + law.c1_s * len(contexts) + law.c2_s_per_token * sum(contexts)
    return time_s


def work_and_shared(law: CostLaw, flops, prompt, output) -> tuple[np.ndarray, np.ndarray]:
    work = token_work(prompt, output)
    prefill_s = law.p0_s + law.p1_s_per_layer_flop * np.asarray(flops)
    return prefill_s + law.c1_s * work.steps + law.c2_s_per_token * work.context, law.c0_s * work.steps


def test_batch_of_two_by_hand() -> None:
    # s = (3, 5), n = (2, 4). Iteration 1: contexts 4 and 6; 2 and 3: contexts 7 and 8 of the second sequence alone.
    # Decode: (2 + 0.5 + 1.25) + (2 + 0.25 + 0.875) + (2 + 0.25 + 1) = 10.125; prefill: 2 * 0.5 + 0.001 * 300.
    work, shared = work_and_shared(LAW, [100.0, 200.0], [3, 5], [2, 4])
    np.testing.assert_allclose(work, [0.5 + 0.1 + 0.25 + 0.5, 0.5 + 0.2 + 0.75 + 2.625])
    np.testing.assert_allclose(shared, [2.0, 6.0])
    assert batch_time_s(work, shared) == pytest.approx(11.425)
    assert batch_by_iterations(LAW, [100.0, 200.0], [3, 5], [2, 4]) == pytest.approx(11.425)


def test_sum_of_work_and_longest_shared_time_is_the_sum_over_iterations() -> None:
    rng = np.random.default_rng(0)
    for size in (1, 2, 7, 30):
        prompt, output = rng.integers(1, 60, size), rng.integers(1, 40, size)
        law, flops = CostLaw(*rng.random(5)), layer_prefill_flops(SHAPE, prompt)
        expected = batch_by_iterations(law, flops.tolist(), prompt.tolist(), output.tolist())
        assert batch_time_s(*work_and_shared(law, flops, prompt, output)) == pytest.approx(expected, rel=1e-12)


def test_a_decode_iteration_by_hand() -> None:
    assert LAW.step_s(batch=2, context_tokens=10) == 2.0 + 0.5 + 1.25


def test_compute_model_by_hand() -> None:
    law = cost_model("compute")(RATES, WHOLE)
    per_flop = 1.5 / 1e6
    head = 2 * 16 * 50
    expected = (head, 4, 0, 4 * 2 * LAYER_PARAMETERS + head, 4 * 4 * 16)
    np.testing.assert_allclose(law, np.array(expected) * per_flop)


@pytest.mark.parametrize("head", [True, False])
def test_compute_model_takes_the_time_of_all_flops(head: bool) -> None:
    law = cost_model("compute")(RATES, replace(WHOLE, head=head))
    prompt, output = np.array([1, 9, 40]), np.array([1, 30, 2])
    work, shared = work_and_shared(law, layer_prefill_flops(SHAPE, prompt), prompt, output)
    np.testing.assert_allclose(work, 1.5e-6 * request_flops(SHAPE, prompt, output, head=head), rtol=1e-12)
    np.testing.assert_array_equal(shared, np.zeros(3))


def test_roofline_model_by_hand() -> None:
    # Weights: 4 layers at 8 bits, the head at 16. KV cache: 2 * 8 elements per layer at 16 bits.
    law = cost_model("roofline")(RATES, WHOLE)
    per_flop, head = 1.5 / 1e6, 2 * 16 * 50
    np.testing.assert_allclose(law.p0_s, 0.5 + head * per_flop)
    np.testing.assert_allclose(law.p1_s_per_layer_flop, 4 * per_flop)
    np.testing.assert_allclose(law.c0_s, (4 * LAYER_PARAMETERS + 1600) / 1e4 + 0.25)
    np.testing.assert_allclose(law.c1_s, 0.2 * (4 * 2 * LAYER_PARAMETERS + head) * per_flop)
    np.testing.assert_allclose(law.c2_s_per_token, 4 * 16 * 2 / 1e4)


def test_blocks_share_overheads_by_layers_and_stream_their_own_bytes() -> None:
    # Three layers without a head and one with: together the whole model.
    for name in ("compute", "roofline", "measured"):
        rates = NodeRates.of_fit(FITTED, WHOLE) if name == "measured" else RATES
        parts = (replace(WHOLE, layers=3, head=False), replace(WHOLE, layers=1))
        laws = [cost_model(name)(rates, part) for part in parts]
        np.testing.assert_allclose(np.sum(laws, axis=0), cost_model(name)(rates, WHOLE), rtol=1e-12)
        assert laws[0].p1_s_per_layer_flop == pytest.approx(3 * laws[1].p1_s_per_layer_flop)


def test_without_a_head_its_bytes_are_not_streamed() -> None:
    headless = replace(WHOLE, head=False)
    assert WHOLE.streamed_bytes - headless.streamed_bytes == 1600
    assert headless.streamed_bytes == 4 * LAYER_PARAMETERS
    c0_s = [cost_model("roofline")(RATES, part).c0_s for part in (WHOLE, headless)]
    assert c0_s[0] - c0_s[1] == pytest.approx(1600 / 1e4)


def test_batching_shares_the_weight_stream() -> None:
    law = cost_model("roofline")(RATES, WHOLE)
    work, shared = work_and_shared(law, [200.0] * 4, [10] * 4, [9] * 4)
    alone = sum(batch_time_s(w, v) for w, v in zip(work, shared, strict=True))
    assert batch_time_s(work, shared) == pytest.approx(alone - 3 * shared[0])


def test_faulty_rates_and_names_are_rejected() -> None:
    with pytest.raises(ValueError, match="usable_flops must be positive and finite, got 0"):
        replace(RATES, usable_flops=0.0)
    with pytest.raises(ValueError, match="step_overhead_s must be zero or more and finite, got -1"):
        replace(RATES, step_overhead_s=-1.0)
    with pytest.raises(ValueError, match=r"unknown cost model 'rooflin'.*did you mean 'roofline'"):
        cost_model("rooflin")


def test_measured_model_by_hand() -> None:
    # Half of the layers with a head: 2 * 2688 + 1600 of 4 * 2688 + 1600 bytes, and 2 * 5376 + 1600 of 4 * 5376 + 1600
    # FLOPs of a token.
    rates = NodeRates.of_fit(FITTED, WHOLE)
    law = cost_model("measured")(rates, replace(WHOLE, layers=2))
    expected = (0.25 + 1600e-6, 2e-6, 8.0 * 6976 / 12352, 0.25 * 12352 / 23104, 0.0625)
    np.testing.assert_allclose(law, expected, rtol=1e-12)
    assert (rates.usable_flops, rates.usable_bandwidth) == pytest.approx((1e6, 12352 / 8.0))


def test_measured_times_of_the_whole_model_are_the_fitted_ones() -> None:
    law = cost_model("measured")(NodeRates.of_fit(FITTED, WHOLE), WHOLE)
    assert (law.c0_s, law.c1_s, law.c2_s_per_token) == FITTED[2:]
    prefill_s = law.p0_s + law.p1_s_per_layer_flop * layer_prefill_flops(SHAPE, 9)
    assert prefill_s == pytest.approx(0.5 + 1e-6 * request_flops(SHAPE, 9, 1), rel=1e-12)


def test_measured_model_needs_fitted_times() -> None:
    with pytest.raises(ValueError, match="'measured' needs fitted times"):
        cost_model("measured")(RATES, WHOLE)


def test_rates_of_a_device_are_its_peaks_times_its_efficiencies() -> None:
    device = Hardware("board", 1e12, 8e9, 1e11, 5, 15, 0.5, 0.75, 1e-3, 2e-3)
    assert NodeRates.of(device, 1.1) == NodeRates(5e11, 7.5e10, 1.1, 1e-3, 2e-3)
