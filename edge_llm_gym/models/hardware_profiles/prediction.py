"""Timings that a cost law predicts, and its errors on measured ones."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from edge_llm_gym.models import cost
from edge_llm_gym.models.cost_models import FittedTimes
from edge_llm_gym.models.hardware_profiles.schema import FitErrors
from edge_llm_gym.models.llm import ModelShape
from edge_llm_gym.models.timings import Timing

PADDED_CONTEXT_STEP: Final = 256
"""Tokens to a multiple of which the context of a padded batch is rounded up."""


def prefill_flops(shape: ModelShape, prompt_tokens: float) -> float:
    """FLOPs of a prefill: all layers for the prompt, and the output head for one token."""
    return float(cost.request_flops(shape, prompt_tokens, 1))


def decode_s(times: FittedTimes, timing: Timing) -> float:
    """Predicted seconds of one decode iteration."""
    context = timing.batch * (timing.prompt_or_context_tokens or 0)
    return times.c0_s + times.c1_s * timing.batch + times.c2_s_per_token * context


def prefill_s(times: FittedTimes, shape: ModelShape, timing: Timing) -> float:
    """Predicted seconds of one forward pass over a batch of prompts of the same length."""
    return times.p0_s + times.p1_s_per_flop * timing.batch * prefill_flops(shape, timing.prompt_or_context_tokens or 0)


def padded_decode_s(times: FittedTimes, prompts: Sequence[int], outputs: Sequence[int]) -> float:
    """Predicted decode seconds of a padded batch.

    Every sequence takes part in the iterations j = 1 .. longest output - 1, with the longest prompt plus j tokens of
    context, rounded up to a multiple of `PADDED_CONTEXT_STEP`.
    """
    steps, batch = np.arange(1, max(outputs)), len(prompts)
    context = np.ceil((max(prompts) + steps) / PADDED_CONTEXT_STEP) * PADDED_CONTEXT_STEP
    return float(steps.size * (times.c0_s + times.c1_s * batch) + times.c2_s_per_token * batch * context.sum())


def measured_decode_s(timings: Iterable[Timing]) -> list[tuple[Timing, float]]:
    """Whole batches with the seconds of their decode iterations: those of everything less those of the prefills.

    Raises ValueError for a batch whose prefills were not timed.
    """
    batches = list(timings)
    prefills = {_batch_key(each): each.seconds for each in batches if each.kind == "batch_prefill"}
    whole = [each for each in batches if each.kind == "batch"]
    for each in whole:
        if _batch_key(each) not in prefills:
            raise ValueError(
                f"each batch needs the timing of its prefills (kind batch_prefill, with the same prompts and outputs), "
                f"which the one of {each.model} with prompts {list(each.prompts)} lacks; add it"
            )
    return [(each, each.seconds - prefills[_batch_key(each)]) for each in whole]


def _batch_key(timing: Timing) -> tuple[str, float, tuple[int, ...], tuple[int, ...]]:
    return timing.model, timing.weight_bits, timing.prompts, timing.outputs


def errors_by_kind(times: FittedTimes, shape: ModelShape, timings: Sequence[Timing]) -> dict[str, FitErrors | None]:
    """Errors on decode iterations, prefills, and the decode time of whole batches; None for a kind without timings."""
    decodes = [(decode_s(times, each), each.seconds) for each in timings if each.kind == "decode"]
    prefills = [(prefill_s(times, shape, each), each.seconds) for each in timings if each.kind == "prefill"]
    batches = [
        (padded_decode_s(times, each.prompts, each.outputs), seconds) for each, seconds in measured_decode_s(timings)
    ]
    return {
        "decode": relative_errors(decodes),
        "prefill": relative_errors(prefills),
        "whole batch": relative_errors(batches),
    }


def relative_errors(pairs: Sequence[tuple[float, float]]) -> FitErrors | None:
    """Relative errors of pairs (predicted, measured); None without pairs."""
    if not pairs:
        return None
    errors = [abs(predicted / measured - 1.0) for predicted, measured in pairs]
    return FitErrors(mean=round(float(np.mean(errors)), 4), worst=round(max(errors), 4), timings=len(pairs))
