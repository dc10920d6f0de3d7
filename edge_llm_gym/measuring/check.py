"""Fits a hardware profile to a part of the timings of a session, and its errors on all of them."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import NamedTuple

from edge_llm_gym.measuring.split import split
from edge_llm_gym.models.cost_models import FittedTimes
from edge_llm_gym.models.hardware_profiles import FitErrors, HardwareProfile, fit_profile, prediction
from edge_llm_gym.models.llm import ModelShape
from edge_llm_gym.models.timings import BATCHES, Timing


class Errors(NamedTuple):
    """Errors of a profile on timings of one kind."""

    kind: str
    """"decode", "prefill", "whole batch" (its decode iterations) or "whole batch with prefills"."""
    held_out: bool
    """Whether the fit did not use these timings."""
    errors: FitErrors


class CheckedFit(NamedTuple):
    """A profile and how far its predictions are from the timings."""

    profile: HardwareProfile
    errors: list[Errors]


def fit_and_check(shape: ModelShape, timings: Sequence[Timing]) -> CheckedFit:
    """A profile fitted to the points of the grid that `split` gives to the fit, with errors on these and all others.

    Args:
        shape: the model of all timings.
        timings: what `Session.run` returns.

    Raises ValueError where the timings do not determine the coefficients or contradict the cost law.
    """
    fitted, held_out = split(timings)
    batches = [each for each in timings if each.kind in BATCHES]
    bits = fitted[0].weight_bits
    source = f"edge-llm-gym measure, PyTorch {version('torch')}, random weights"
    profile = fit_profile(fitted, source, models={shape.name: shape}, kv_bits=bits)
    times = profile.rows[0].times()
    return CheckedFit(
        profile, [*_errors(times, shape, fitted, held_out=False), *_errors(times, shape, held_out + batches, held_out=True)]
    )
