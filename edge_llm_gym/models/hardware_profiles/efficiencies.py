"""Fits the four efficiencies of a hardware row, which hold for all models, to timings of several models."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from edge_llm_gym.models.cost_models import VISIBLE_DECODE_SHARE, FittedTimes, ModelPart, NodeRates, cost_model
from edge_llm_gym.models.hardware import Hardware
from edge_llm_gym.models.hardware_profiles.fitting import prefill_terms
from edge_llm_gym.models.hardware_profiles.least_squares import FloatArray, fit_nonnegative
from edge_llm_gym.models.hardware_profiles.prediction import errors_by_kind
from edge_llm_gym.models.hardware_profiles.schema import FitErrors
from edge_llm_gym.models.llm import MODELS, ModelShape
from edge_llm_gym.models.timings import BATCHES, SHAPED, Timing
from edge_llm_gym.names import known_name

FRACTION_DIGITS: Final = 3
"""Decimals of fitted fractions."""
SECONDS_DIGITS: Final = 3
"""Significant digits of fitted overheads."""


def fit_efficiencies(
    timings: Iterable[Timing], hardware: Hardware, models: Mapping[str, ModelShape] = MODELS, kv_bits: float = 16.0
) -> Hardware:
    """The hardware with the four efficiencies that fit timings of prefills and decode iterations best.

    The same numbers for all models, in the sense of least squares of relative errors under the cost model `roofline`
    with a compute scale of 1. Fractions are at most 1.

    Raises ValueError for an unknown model and without timings of both kinds.
    """
    used = list(timings)
    prefills = [each for each in used if each.kind == "prefill"]
    decodes = [each for each in used if each.kind == "decode"]
    if not (prefills and decodes):
        raise ValueError(
            f"efficiencies are fitted to timings of prefills and of decode iterations, got {len(prefills)} and "
            f"{len(decodes)}; time both kinds"
        )
    prefill_overhead_s, s_per_flop = _fit_prefills(prefills, models)
    step_overhead_s, s_per_byte = _fit_decodes(decodes, models, s_per_flop, kv_bits)
    return replace(
        hardware,
        flops_fraction=_fraction(1.0 / s_per_flop / hardware.peak_flops),
        bandwidth_fraction=_fraction(1.0 / s_per_byte / hardware.memory_bandwidth_bytes_per_s),
        step_overhead_s=float(f"{step_overhead_s:.{SECONDS_DIGITS}g}"),
        prefill_overhead_s=float(f"{prefill_overhead_s:.{SECONDS_DIGITS}g}"),
    )


def roofline_times(hardware: Hardware, shape: ModelShape, weight_bits: float, kv_bits: float = 16.0) -> FittedTimes:
    """The coefficients that `roofline` predicts for a whole model with its head, at a compute scale of 1."""
    part = ModelPart(shape, shape.layers, True, weight_bits, kv_bits)
    law = cost_model("roofline")(NodeRates.of(hardware), part)
    return FittedTimes(
        hardware.prefill_overhead_s, law.p1_s_per_layer_flop / shape.layers, law.c0_s, law.c1_s, law.c2_s_per_token
    )


def roofline_errors(
    hardware: Hardware,
    timings: Iterable[Timing],
    models: Mapping[str, ModelShape] = MODELS,
    kv_bits: float = 16.0,
) -> dict[tuple[str, float, str], FitErrors]:
    """Errors of the roofline by model, weight bits and kind: "decode", "prefill" and "whole batch" (decode time)."""
    used = [each for each in timings if each.kind in (*SHAPED, *BATCHES)]
    found: dict[tuple[str, float, str], FitErrors] = {}
    for model, bits in dict.fromkeys((each.model, each.weight_bits) for each in used):
        shape = models[known_name("model", model, models)]
        times = roofline_times(hardware, shape, bits, kv_bits)
        own = [each for each in used if (each.model, each.weight_bits) == (model, bits)]
        for kind, errors in errors_by_kind(times, shape, own).items():
            if errors is not None:
                found[model, bits, kind] = errors
    return found


def _fraction(value: float) -> float:
    return min(round(float(value), FRACTION_DIGITS), 1.0)


def _shape(models: Mapping[str, ModelShape], timing: Timing) -> ModelShape:
    return models[known_name("model", timing.model, models)]


def _fit_prefills(timings: list[Timing], models: Mapping[str, ModelShape]) -> FloatArray:
    terms = np.vstack([prefill_terms(_shape(models, each), [each]) for each in timings])
    return fit_nonnegative(terms, np.array([each.seconds for each in timings]))


def _fit_decodes(
    timings: list[Timing], models: Mapping[str, ModelShape], s_per_flop: float, kv_bits: float
) -> FloatArray:
    """Overhead and seconds per byte; the arithmetic that overlaps with neither is taken off the timings first."""
    terms, seconds = np.ones((len(timings), 2)), np.zeros(len(timings))
    for index, each in enumerate(timings):
        shape = _shape(models, each)
        part = ModelPart(shape, shape.layers, True, each.weight_bits, kv_bits)
        context = each.batch * (each.prompt_or_context_tokens or 0)
        terms[index, 1] = part.streamed_bytes + part.kv_bytes_per_token * context
        arithmetic_s = VISIBLE_DECODE_SHARE * s_per_flop * part.token_flops * each.batch
        seconds[index] = each.seconds - min(arithmetic_s, each.seconds / 2)
    return fit_nonnegative(terms, seconds)
