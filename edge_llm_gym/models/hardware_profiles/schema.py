"""The content of a hardware profile file, validated; coefficients are those of `edge_llm_gym.models.cost_models`."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edge_llm_gym.messages import quoted
from edge_llm_gym.models.cost_models import FittedTimes
from edge_llm_gym.quantities import (
    Count,
    ElementBits,
    ErrorShare,
    FittedSeconds,
    IterationSeconds,
    Name,
    SecondsPerFlop,
    Tokens,
)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class FitErrors(_Record):
    """Errors |predicted - measured| / measured over timings."""

    mean: ErrorShare
    """Mean of the errors."""
    worst: ErrorShare
    """Largest error."""
    timings: Count
    """Number of timings."""


class DecodeFit(_Record):
    """A decode iteration of B sequences with C tokens of context in all takes c0 + c1 B + c2 C."""

    c0_s: IterationSeconds
    """Seconds per iteration: weights, which are read once for all sequences, and overhead."""
    c1_s: FittedSeconds
    """Seconds per sequence."""
    c2_s_per_token: FittedSeconds
    """Seconds per token of context: reading of its KV cache."""
    max_batch: Count
    """Largest timed number of sequences; beyond it, the law is extrapolated."""
    max_context_tokens: Tokens
    """Longest timed context of a sequence; beyond it, the law is extrapolated."""
    errors: FitErrors | None = None
    """Errors on the timings of iterations to which the coefficients were fitted."""


class PrefillFit(_Record):
    """A prefill takes p0 + p1 F, with F the FLOPs of all layers for the prompt and of the head for one token."""

    p0_s: FittedSeconds
    """Seconds per prefill: overhead."""
    p1_s_per_flop: SecondsPerFlop
    """Seconds per FLOP, as `edge_llm_gym.models.cost.request_flops` counts them with one output token."""
    max_prompt_tokens: Tokens
    """Longest timed prompt; beyond it, the law is extrapolated."""
    errors: FitErrors | None = None
    """Errors on the timings of prefills to which the coefficients were fitted."""


class ProfileRow(_Record):
    """One model with weights and KV cache of some number of bits."""

    model: Name
    """Name of the model, as in the scenario."""
    weight_bits: ElementBits
    """Bits per weight of the layers."""
    kv_bits: ElementBits = 16.0
    """Bits per element of the KV cache."""
    decode: DecodeFit
    """Coefficients of decode iterations."""
    prefill: PrefillFit
    """Coefficients of prefills."""
    batches: FitErrors | None = None
    """Errors on the decode time of whole static batches, which were not used in the fit."""
    note: str = ""
    """What to know about the timings."""

    def times(self) -> FittedTimes:
        """The coefficients as the cost model `measured` takes them."""
        decode, prefill = self.decode, self.prefill
        return FittedTimes(prefill.p0_s, prefill.p1_s_per_flop, decode.c0_s, decode.c1_s, decode.c2_s_per_token)


class HardwareProfile(_Record):
    """A hardware profile file: seconds of one device, or of several that act as one, for some models."""

    device: Name
    """Name of the timed device."""
    device_count: Count = 1
    """Number of devices that were timed together as one; equals `count` of the nodes that use the profile."""
    source: str
    """Who timed what with which software."""
    rows: Annotated[tuple[ProfileRow, ...], Field(min_length=1)]
    """One row for each model and numbers of bits."""

    @model_validator(mode="after")
    def _rows_differ(self) -> Self:
        keys = [(row.model, row.weight_bits, row.kv_bits) for row in self.rows]
        if len(set(keys)) < len(keys):
            raise ValueError(
                f"no two rows have the same model, weight_bits and kv_bits, got {quoted(keys)}; remove one of them"
            )
        return self

    def row(self, model: str, weight_bits: float, kv_bits: float) -> ProfileRow:
        """The row of a model. Raises ValueError, with the rows that there are, if there is none."""
        for row in self.rows:
            if (row.model, row.weight_bits, row.kv_bits) == (model, weight_bits, kv_bits):
                return row
        known = ", ".join(f"{row.model} ({row.weight_bits:g}, {row.kv_bits:g})" for row in self.rows)
        raise ValueError(
            f"the hardware profile of {self.device!r} has no row for {model} with {weight_bits:g} bits per weight and "
            f"{kv_bits:g} per element of the KV cache; it has {known}; choose one of these, or time the model"
        )
