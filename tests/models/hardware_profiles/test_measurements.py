"""The cost law against timings of an H100 that are not part of the repository: each model in one device's terms."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from edge_llm_gym.models.cost_models import CostLaw, ModelPart, NodeRates, cost_model
from edge_llm_gym.models.hardware import hardware
from edge_llm_gym.models.hardware_profiles import fit_efficiencies, hardware_profile
from edge_llm_gym.models.llm import model_shape
from edge_llm_gym.models.timings import read_timings
from scripts.fit_shipped_profile import shipped_profile

MODELS = ("llama-3-8b", "qwen2.5-7b", "bloom-3b", "opt-13b")
EFFICIENCIES = ("flops_fraction", "bandwidth_fraction", "step_overhead_s", "prefill_overhead_s")


class Timings(NamedTuple):
    """Timings at 16 bits by model, read from the file without the package."""

    decode: dict[str, list[tuple[int, int, float]]]  # sequences, context, seconds
    prefill: dict[str, list[tuple[int, int, float]]]  # prompts, tokens, seconds
    batch: dict[str, list[tuple[list[int], list[int], float]]]  # prompts, outputs, seconds of decoding


@pytest.fixture(scope="module")
def timings(h100_timings: Path) -> Timings:
    found = Timings(*({model: [] for model in MODELS} for _ in range(3)))
    prefills_s: dict[str, float] = {}
    for row in csv.DictReader(h100_timings.read_text().splitlines()):
        model, seconds = row["model"], float(row["seconds"])
        if model not in MODELS or row["weight_bits"] != "16":
            continue
        if row["kind"] in ("decode", "prefill"):
            size = int(row["batch"]), int(row["prompt_or_context_tokens"])
            getattr(found, row["kind"])[model].append((*size, seconds))
        elif row["kind"] == "batch_prefill":
            prefills_s[row["prompts"]] = seconds
        else:
            prompts, outputs = ([int(each) for each in row[key].split()] for key in ("prompts", "outputs"))
            found.batch[model].append((prompts, outputs, seconds - prefills_s[row["prompts"]]))
    return found


def law_of(cost: str, model: str) -> CostLaw:
    part = ModelPart(model_shape(model), model_shape(model).layers, True, 16, 16)
    if cost == "measured":
        times = hardware_profile("nvidia-h100-sxm").row(model, 16, 16).times()
        return cost_model(cost)(NodeRates.of_fit(times, part), part)
    return cost_model(cost)(NodeRates.of(hardware("nvidia-h100-sxm")), part)


def decode_errors(law: CostLaw, timings: Timings, model: str) -> Iterator[float]:
    for batch, context, seconds in timings.decode[model]:
        yield abs(law.c0_s + law.c1_s * batch + law.c2_s_per_token * batch * context - seconds) / seconds


def batch_errors(law: CostLaw, timings: Timings, model: str) -> Iterator[float]:
    """Padded batches: all sequences decode until the longest answer ends, contexts in multiples of 256."""
    for prompts, outputs, seconds in timings.batch[model]:
        predicted = 0.0
        for step in range(1, max(outputs)):
            context = -(-(max(prompts) + step) // 256) * 256
            predicted += law.step_s(len(prompts), len(prompts) * context)
        yield abs(predicted - seconds) / seconds


def prefill_errors(law: CostLaw, timings: Timings, model: str) -> Iterator[float]:
    """A prefill of several prompts has one overhead and the FLOPs of all of them."""
    shape = model_shape(model)
    for batch, tokens, seconds in timings.prefill[model]:
        layer = 2 * shape.layer_parameters * tokens + 4 * shape.heads * shape.head_dim * tokens**2
        head_s = law.p1_s_per_layer_flop / shape.layers * 2 * shape.head_parameters
        predicted = law.p0_s + (batch - 1) * head_s + law.p1_s_per_layer_flop * batch * layer
        yield abs(predicted - seconds) / seconds


Errors = Callable[[CostLaw, Timings, str], Iterator[float]]


def mean_and_worst(cost: str, errors_of: Errors, timings: Timings) -> tuple[float, float]:
    errors = [error for model in MODELS for error in errors_of(law_of(cost, model), timings, model)]
    return float(np.mean(errors)), float(np.max(errors))


def test_measured_law_of_one_decode_iteration(timings: Timings) -> None:
    # 115 iterations of four models: 0.8 % and 3.0 %.
    mean, worst = mean_and_worst("measured", decode_errors, timings)
    assert sum(map(len, timings.decode.values())) == 115
    assert mean < 0.01
    assert worst < 0.031


def test_measured_decode_time_of_whole_batches(timings: Timings) -> None:
    # 30 batches, not used in the fit: 1.0 % and 3.4 %.
    mean, worst = mean_and_worst("measured", batch_errors, timings)
    assert sum(map(len, timings.batch.values())) == 30
    assert mean < 0.012
    assert worst < 0.04


def test_roofline_with_four_numbers_for_all_models(timings: Timings) -> None:
    # Iterations 1.5 % and 7.9 %, whole batches 2.0 % and 7.4 %.
    for errors_of in (decode_errors, batch_errors):
        mean, worst = mean_and_worst("roofline", errors_of, timings)
        assert mean < 0.03
        assert worst < 0.09


@pytest.mark.parametrize(("cost", "bounds"), [("measured", (0.10, 0.31)), ("roofline", (0.11, 0.36))])
def test_prefills_are_less_exact(cost: str, bounds: tuple[float, float], timings: Timings) -> None:
    # Short ones take the time of their launches whatever their length, which no linear law follows: measured 8.7 % and
    # 29.7 %, roofline 9.3 % and 34.4 %; from 2,048 tokens up measured 5.7 % and 16.3 %, roofline 6.1 % and 12.2 %.
    mean, worst = mean_and_worst(cost, prefill_errors, timings)
    assert mean < bounds[0]
    assert worst < bounds[1]
    large = {model: [row for row in rows if row[0] * row[1] >= 2048] for model, rows in timings.prefill.items()}
    mean, worst = mean_and_worst(cost, prefill_errors, timings._replace(prefill=large))
    assert mean < 0.07
    assert worst < 0.17


def test_shipped_profile_and_efficiencies_are_those_of_the_timings(h100_timings: Path) -> None:
    rows = read_timings(h100_timings)
    assert shipped_profile(rows) == hardware_profile("nvidia-h100-sxm")
    device = hardware("nvidia-h100-sxm")
    found = fit_efficiencies([each for each in rows if each.weight_bits == 16], device)
    assert [getattr(found, key) for key in EFFICIENCIES] == [getattr(device, key) for key in EFFICIENCIES]
