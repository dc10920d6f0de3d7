"""Fits a hardware profile to a part of the timings of a session; errors on these, and on the held-out ones."""

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import NamedTuple

from edge_llm_gym.measuring.split import split
from edge_llm_gym.models.cost_models import FittedTimes
from edge_llm_gym.models.hardware_profiles import FitErrors, HardwareProfile, fit_profile
from edge_llm_gym.models.hardware_profiles.prediction import (
    errors_by_kind,
    padded_decode_s,
    prefill_flops,
    relative_errors,
)
from edge_llm_gym.models.llm import ModelShape
from edge_llm_gym.models.timings import BATCHES, Timing


class Errors(NamedTuple):
    """Errors of a profile on timings of one kind."""

    timings: str
    """"decode", "prefill", "whole batch" (its decode iterations) or "whole batch with prefills"."""
    held_out: bool
    """Whether the fit did not use these timings."""
    errors: FitErrors


class CheckedFit(NamedTuple):
    """A profile, and how far its predictions are from the timings."""

    profile: HardwareProfile
    errors: list[Errors]


def fit_and_check(shape: ModelShape, timings: Sequence[Timing]) -> CheckedFit:
    """A profile fitted to the points of the grid that `split` gives to the fit, and its errors on all timings.

    Args:
        shape: the model of all timings.
        timings: what `Session.run` returns.

    Raises ValueError where the timings do not determine the coefficients, or contradict the cost law.
    """
    fitted, held_out = split(timings)
    batches = [each for each in timings if each.kind in BATCHES]
    source = f"edge-llm-gym measure, PyTorch {version('torch')}, random weights"
    profile = fit_profile([*fitted, *batches], source, models={shape.name: shape}, kv_bits=fitted[0].weight_bits)
    times = profile.rows[0].times()
    errors = [*_errors(times, shape, fitted, False), *_errors(times, shape, [*held_out, *batches], True)]
    return CheckedFit(profile, errors)


def _errors(times: FittedTimes, shape: ModelShape, timings: list[Timing], held_out: bool) -> Iterator[Errors]:
    by_kind = errors_by_kind(times, shape, timings)
    by_kind["whole batch with prefills"] = relative_errors(
        [(_batch_s(times, shape, each), each.seconds) for each in timings if each.kind == "batch"]
    )
    for kind, errors in by_kind.items():
        if errors is not None:
            yield Errors(kind, held_out, errors)


def _batch_s(times: FittedTimes, shape: ModelShape, batch: Timing) -> float:
    """Predicted seconds of a whole batch: its prefills one by one, and its decode iterations."""
    flops = sum(prefill_flops(shape, tokens) for tokens in batch.prompts)
    prefills_s = times.p0_s * batch.batch + times.p1_s_per_flop * flops
    return prefills_s + padded_decode_s(times, batch.prompts, batch.outputs)
