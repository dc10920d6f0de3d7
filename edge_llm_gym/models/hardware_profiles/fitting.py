"""Fits hardware profiles to timings."""

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from edge_llm_gym.models.cost_models import FittedTimes
from edge_llm_gym.models.hardware_profiles.least_squares import FloatArray, fit_nonnegative
from edge_llm_gym.models.hardware_profiles.prediction import errors_by_kind, prefill_flops
from edge_llm_gym.models.hardware_profiles.schema import DecodeFit, HardwareProfile, PrefillFit, ProfileRow
from edge_llm_gym.models.llm import MODELS, ModelShape
from edge_llm_gym.models.timings import BATCHES, SHAPED, Timing
from edge_llm_gym.names import known_name

SIGNIFICANT_DIGITS: Final = 6
"""Digits of fitted coefficients."""
NEEDED: Final[Mapping[str, str]] = {
    "decode": "decode iterations at two batch sizes and, at one of them, two contexts",
    "prefill": "prefills of two prompt lengths",
}
"""Kind of timing -> the timings that determine its coefficients."""


def fit_profile(
    timings: Iterable[Timing],
    source: str,
    *,
    models: Mapping[str, ModelShape] = MODELS,
    kv_bits: float = 16.0,
    device_count: int = 1,
) -> HardwareProfile:
    """The hardware profile of a device: one row for each model and number of weight bits among the timings.

    Coefficients are not negative and minimise the sum of squared relative errors on decode iterations and on prefills.
    Whole batches are held out: their errors are reported, and they do not change the fit.

    Args:
        timings: timings of one device; limits of the device (kinds ``flops`` and ``bytes_per_s``) are not used.
        source: who timed what with which software.
        models: shapes by name.
        kv_bits: bits per element of the KV cache that was timed.
        device_count: devices that were timed together as one.

    Raises ValueError for timings of several devices, for an unknown model, and if timings do not determine the
    coefficients.
    """
    used = [each for each in timings if each.kind in (*SHAPED, *BATCHES)]
    device = _only_device(used)
    keys = dict.fromkeys((each.model, each.weight_bits) for each in used)
    rows = []
    for model, bits in keys:
        shape = models[known_name("model", model, models)]
        rows.append(
            _row(shape, bits, kv_bits, [each for each in used if (each.model, each.weight_bits) == (model, bits)])
        )
    return HardwareProfile(device=device, device_count=device_count, source=source, rows=tuple(rows))


def _only_device(timings: list[Timing]) -> str:
    devices = sorted({each.device for each in timings})
    if len(devices) != 1:
        raise ValueError(
            f"a hardware profile is fitted to timings of one device, got {len(devices)} devices: "
            f"{', '.join(devices) or 'no timings'}; pass the timings of one"
        )
    return devices[0]


def _row(shape: ModelShape, weight_bits: float, kv_bits: float, timings: list[Timing]) -> ProfileRow:
    decodes = [each for each in timings if each.kind == "decode"]
    prefills = [each for each in timings if each.kind == "prefill"]
    c0_s, c1_s, c2_s = _fit("decode", shape, weight_bits, decodes, decode_terms(decodes))
    p0_s, p1_s = _fit("prefill", shape, weight_bits, prefills, prefill_terms(shape, prefills))
    errors = errors_by_kind(FittedTimes(p0_s, p1_s, c0_s, c1_s, c2_s), shape, timings)
    return ProfileRow(
        model=shape.name,
        weight_bits=weight_bits,
        kv_bits=kv_bits,
        decode=DecodeFit(
            c0_s=c0_s,
            c1_s=c1_s,
            c2_s_per_token=c2_s,
            max_batch=max(each.batch for each in decodes),
            max_context_tokens=_longest(decodes),
            errors=errors["decode"],
        ),
        prefill=PrefillFit(
            p0_s=p0_s,
            p1_s_per_flop=p1_s,
            max_prompt_tokens=_longest(prefills),
            errors=errors["prefill"],
        ),
        batches=errors["whole batch"],
    )


def _longest(timings: list[Timing]) -> int:
    return max(each.prompt_or_context_tokens or 0 for each in timings)


def decode_terms(timings: list[Timing]) -> FloatArray:
    """[T, 3] iterations (1), sequences and tokens of context of decode iterations."""
    rows = [(1, each.batch, each.batch * (each.prompt_or_context_tokens or 0)) for each in timings]
    return np.array(rows, np.float64).reshape(-1, 3)


def prefill_terms(shape: ModelShape, timings: list[Timing]) -> FloatArray:
    """[T, 2] prefills (1) and their FLOPs."""
    flops = [each.batch * prefill_flops(shape, each.prompt_or_context_tokens or 0) for each in timings]
    return np.column_stack([np.ones(len(timings)), flops])


def _fit(kind: str, shape: ModelShape, weight_bits: float, timings: list[Timing], terms: FloatArray) -> list[float]:
    if not len(timings) or np.linalg.matrix_rank(terms / terms.max(axis=0)) < terms.shape[1]:
        raise ValueError(
            f"the fit of {shape.name} at {weight_bits:g} bits needs {NEEDED[kind]}, which are not among its "
            f"{len(timings)} timings of that kind; time them"
        )
    fitted = fit_nonnegative(terms, np.array([each.seconds for each in timings]))
    leading = fitted[0] if kind == "decode" else fitted[-1]
    if leading <= 0:
        raise ValueError(
            f"the {kind} timings of {shape.name} at {weight_bits:g} bits do not follow the cost law: the best fit has "
            f"{'no time per iteration' if kind == 'decode' else 'no time per FLOP'}; check the timings"
        )
    return [float(f"{each:.{SIGNIFICANT_DIGITS}g}") for each in fitted]
