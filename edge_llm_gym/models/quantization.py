"""Quantisation methods: bits of weights and KV cache, compute time and perplexity."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_llm_gym.models.catalogue import LazyMapping, QuantizationSection, quantization_rows
from edge_llm_gym.models.checks import require_positive
from edge_llm_gym.names import known_name

ANY_MODEL = "*"
"""Key of a perplexity pair that holds for all models."""
PerplexityPair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Method:
    """A quantisation method: what holds for all models, and perplexities by model.

    ``compute_scale`` (beta) multiplies compute time. Weight-only methods multiply in 16 bits and save no arithmetic.
    """

    name: str
    weight_bits: float
    kv_bits: float
    compute_scale: float
    lossless: bool
    """Whether perplexity is unchanged for models without a pair."""
    table_bits: float | None = None
    """Bits per element of embedding and output head; None for 16, or `weight_bits` if that is more."""
    perplexity: Mapping[str, PerplexityPair] = field(default_factory=dict)
    """Perplexities (before, after) by model; `ANY_MODEL` for all others."""


@dataclass(frozen=True, slots=True)
class Quantization:
    """A method applied to a model: bits per element, compute scale (beta) and perplexities before and after.

    Raises ValueError for a number that is not positive and finite.
    """

    name: str
    weight_bits: float
    kv_bits: float
    compute_scale: float
    perplexity_before: float
    perplexity_after: float
    table_bits: float | None = None
    """Bits per element of embedding and output head; None for 16, or `weight_bits` if that is more."""

    def __post_init__(self) -> None:
        require_positive(
            f"Quantization {self.name!r}",
            weight_bits=self.weight_bits,
            kv_bits=self.kv_bits,
            compute_scale=self.compute_scale,
            perplexity_before=self.perplexity_before,
            perplexity_after=self.perplexity_after,
        )
        if self.table_bits is not None:
            require_positive(f"Quantization {self.name!r}", table_bits=self.table_bits)

    @property
    def quality(self) -> float:
        """Quality factor f: perplexity before over perplexity after."""
        return self.perplexity_before / self.perplexity_after


METHODS: Mapping[str, Method] = LazyMapping(lambda: {name: _method(row) for name, row in quantization_rows().items()})
"""The shipped methods by name: `catalogue/quantization.yaml`."""


def quantization_method(method: str | QuantizationSection) -> Method:
    """A shipped method by name, or that of a catalogue row. Raises ValueError with a suggestion for an unknown name."""
    if isinstance(method, QuantizationSection):
        return _method(method)
    return METHODS[known_name("quantisation method", method, METHODS)]


def quantization(
    model: str,
    method: str | QuantizationSection,
    perplexity: PerplexityPair | None = None,
    compute_scale: float | None = None,
) -> Quantization:
    """Quantise a model by name; ``perplexity`` (before, after) and ``compute_scale`` override the method's.

    A lossless method on a model without perplexities has both perplexities 1.0; only their ratio is used.

    Raises ValueError for an unknown method, and for a lossy method without a perplexity of this model.
    """
    row = quantization_method(method)
    before, after = perplexity if perplexity is not None else _perplexity(model, row)
    beta = row.compute_scale if compute_scale is None else compute_scale
    return Quantization(row.name, row.weight_bits, row.kv_bits, beta, before, after, row.table_bits)


def _method(row: QuantizationSection) -> Method:
    pairs = row.perplexity if isinstance(row.perplexity, dict) else {}
    if isinstance(row.perplexity, tuple):
        pairs = {ANY_MODEL: row.perplexity}
    return Method(row.name, row.weight_bits, row.kv_bits, row.compute_scale, row.lossless, row.table_bits, pairs)


def _perplexity(model: str, method: Method) -> PerplexityPair:
    for name in (model, ANY_MODEL):
        if name in method.perplexity:
            return method.perplexity[name]
    if method.lossless:
        return 1.0, 1.0
    known = f", or choose one of the models {', '.join(method.perplexity)}" if method.perplexity else ""
    raise ValueError(
        f"no perplexity of model {model!r} under {method.name!r} is known: give perplexity [before, after]{known}"
    )
