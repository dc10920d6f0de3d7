"""Seconds that a device takes for prefills and decode iterations: the cost law, and the models that give its numbers.

The cost law: a decode iteration of B sequences with C tokens of context in all takes c0 + c1 B + c2 C, and a prefill
takes p0 + p1 F, with F the FLOPs of the prompt in one layer. Summed over a static batch in which each sequence leaves
at its last token, decode and prefill take the sum of w plus the largest v, with

    w = p0 + p1 F + (n - 1) c1 + (n - 1)(s + n/2) c2    and    v = (n - 1) c0

for s prompt and n output tokens: the iterations that sequences have in common are those of the longest answer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, NamedTuple, Self

from edge_llm_gym.models import cost
from edge_llm_gym.models.checks import require_at_least_zero, require_positive
from edge_llm_gym.models.hardware import Hardware
from edge_llm_gym.models.llm import ModelShape, head_weight_bytes, layer_weight_bytes
from edge_llm_gym.names import known_name

VISIBLE_DECODE_SHARE: Final = 0.2
"""Share of a sequence's arithmetic in a decode iteration that prolongs the iteration.

The rest overlaps with reading the weights. On an H100, c1 is 0.08 (Qwen2.5-7B), 0.22 (Llama-3-8B), 0.34 (OPT-13B) and
1.36 (BLOOM-3B, with a small body and a large head) of the time that the same FLOPs take in a prefill. It holds for
batches whose arithmetic takes less time than reading the weights.
"""


class CostLaw(NamedTuple):
    """Coefficients of the cost law for a model, or a part of one, on one device."""

    p0_s: float
    """s per prefill: overhead, and the output head of the first token."""
    p1_s_per_layer_flop: float
    """s per FLOP that one layer takes for the prompt, summed over the layers."""
    c0_s: float
    """s per decode iteration: weights that are read once for all sequences, and overhead."""
    c1_s: float
    """s per sequence and decode iteration: arithmetic."""
    c2_s_per_token: float
    """s per token of context and decode iteration: reading of the KV cache."""

    def step_s(self, batch: float, context_tokens: float) -> float:
        """Seconds of a decode iteration of ``batch`` sequences with ``context_tokens`` tokens of context in all."""
        return self.c0_s + self.c1_s * batch + self.c2_s_per_token * context_tokens


class FittedTimes(NamedTuple):
    """Coefficients of the cost law of a whole quantised model with one output head, fitted to timings of a device."""

    p0_s: float
    """s per prefill."""
    p1_s_per_flop: float
    """s per FLOP of a prefill, those of the head for one token included."""
    c0_s: float
    c1_s: float
    c2_s_per_token: float


@dataclass(frozen=True, slots=True)
class ModelPart:
    """Consecutive layers of a quantised model, with or without an output head at their end."""

    model: ModelShape
    """The whole model."""
    layers: int
    """Layers of the part."""
    head: bool
    """Whether tokens pass an output head after these layers."""
    weight_bits: float
    kv_bits: float
    table_bits: float | None = None
    """Bits per element of the output head; None for 16, or `weight_bits` if that is more."""

    @property
    def layer_share(self) -> float:
        """Share of the model's layers."""
        return self.layers / self.model.layers

    def whole(self) -> Self:
        """The whole model, with its output head."""
        return replace(self, layers=self.model.layers, head=True)

    @property
    def streamed_bytes(self) -> float:
        """Weight bytes that a decode iteration reads: layers and head, without an untied embedding."""
        head = head_weight_bytes(self.model, self.weight_bits, self.table_bits) if self.head else 0.0
        return self.layers * layer_weight_bytes(self.model, self.weight_bits) + head

    @property
    def head_flops(self) -> float:
        """FLOPs of the output head for one token."""
        return float(cost.head_flops(self.model, 1)) if self.head else 0.0

    @property
    def token_flops(self) -> float:
        """FLOPs of a token in a decode step, without attention."""
        return self.layers * cost.layer_token_flops(self.model) + self.head_flops

    @property
    def kv_bytes_per_token(self) -> float:
        """Bytes of KV cache of one token."""
        return self.layer_share * cost.kv_bytes_per_token(self.model, self.kv_bits)


@dataclass(frozen=True, slots=True)
class NodeRates:
    """What a device reaches in inference. Raises ValueError for a negative or infinite number, or a rate of 0."""

    usable_flops: float
    """FLOP/s in prefills: the peak times the share of it that kernels reach."""
    usable_bandwidth: float
    """Bytes per second in decode iterations: the bandwidth times the share of it that kernels reach."""
    compute_scale: float = 1.0
    """Factor beta of the quantisation method on the time of arithmetic."""
    step_overhead_s: float = 0.0
    """Overhead of a decode iteration of the whole model."""
    prefill_overhead_s: float = 0.0
    """Overhead of a prefill of the whole model."""
    fitted: FittedTimes | None = None
    """Times of the node's model on the device, which the cost model `measured` needs."""

    def __post_init__(self) -> None:
        require_positive(
            "NodeRates",
            usable_flops=self.usable_flops,
            usable_bandwidth=self.usable_bandwidth,
            compute_scale=self.compute_scale,
        )
        require_at_least_zero(
            "NodeRates", step_overhead_s=self.step_overhead_s, prefill_overhead_s=self.prefill_overhead_s
        )

    @classmethod
    def of(cls, device: Hardware, compute_scale: float = 1.0) -> Self:
        """The rates of a device: its peaks times its efficiencies, and its overheads."""
        return cls(
            usable_flops=device.peak_flops * device.flops_fraction,
            usable_bandwidth=device.memory_bandwidth_bytes_per_s * device.bandwidth_fraction,
            compute_scale=compute_scale,
            step_overhead_s=device.step_overhead_s,
            prefill_overhead_s=device.prefill_overhead_s,
        )

    @classmethod
    def of_fit(cls, fitted: FittedTimes, whole: ModelPart) -> Self:
        """The rates that fitted times of a whole model amount to; they contain its compute scale and overheads."""
        return cls(1.0 / fitted.p1_s_per_flop, whole.streamed_bytes / fitted.c0_s, fitted=fitted)

    @property
    def s_per_flop(self) -> float:
        """Seconds of arithmetic per FLOP in a prefill."""
        return self.compute_scale / self.usable_flops


CostModel = Callable[[NodeRates, ModelPart], CostLaw]
"""The cost law of a part of a model on a device."""


def _compute(rates: NodeRates, part: ModelPart) -> CostLaw:
    """Arithmetic only, as in the papers: every FLOP of prefill and decode takes beta / (usable FLOP/s)."""
    return CostLaw(
        p0_s=rates.s_per_flop * part.head_flops,
        p1_s_per_layer_flop=rates.s_per_flop * part.layers,
        c0_s=0.0,
        c1_s=rates.s_per_flop * part.token_flops,
        c2_s_per_token=rates.s_per_flop * part.layers * cost.layer_context_flops(part.model),
    )


def _roofline(rates: NodeRates, part: ModelPart) -> CostLaw:
    """Arithmetic in prefills, memory traffic in decode iterations, each with an overhead that layers share equally."""
    return CostLaw(
        p0_s=rates.prefill_overhead_s * part.layer_share + rates.s_per_flop * part.head_flops,
        p1_s_per_layer_flop=rates.s_per_flop * part.layers,
        c0_s=part.streamed_bytes / rates.usable_bandwidth + rates.step_overhead_s * part.layer_share,
        c1_s=VISIBLE_DECODE_SHARE * rates.s_per_flop * part.token_flops,
        c2_s_per_token=part.kv_bytes_per_token / rates.usable_bandwidth,
    )


def _measured(rates: NodeRates, part: ModelPart) -> CostLaw:
    """Times fitted to a whole model.

    A part takes its share of the streamed bytes for c0, of the FLOPs of a token for c1, and of the layers for c2 and
    p0. Overheads are not known apart from the rest of c0, and are therefore split like it.

    Raises ValueError for rates without fitted times.
    """
    if rates.fitted is None:
        raise ValueError("the cost model 'measured' needs fitted times, got rates without any; use those of a profile")
    fitted, whole = rates.fitted, part.whole()
    return CostLaw(
        p0_s=fitted.p0_s * part.layer_share + fitted.p1_s_per_flop * part.head_flops,
        p1_s_per_layer_flop=fitted.p1_s_per_flop * part.layers,
        c0_s=fitted.c0_s * part.streamed_bytes / whole.streamed_bytes,
        c1_s=fitted.c1_s * part.token_flops / whole.token_flops,
        c2_s_per_token=fitted.c2_s_per_token * part.layer_share,
    )


COST_MODELS: Mapping[str, CostModel] = MappingProxyType(
    {"compute": _compute, "roofline": _roofline, "measured": _measured}
)


def cost_model(name: str) -> CostModel:
    """A cost model by name; raises ValueError with the nearest name for an unknown one."""
    return COST_MODELS[known_name("cost model", name, COST_MODELS)]
