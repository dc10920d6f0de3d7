"""Quantisation methods: bits of weights and KV cache, compute time and perplexity."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from edge_llm_gym.models.checks import require_positive
from edge_llm_gym.names import known_name


@dataclass(frozen=True, slots=True)
class Method:
    """A quantisation method, independent of the model.

    ``compute_scale`` (beta) multiplies compute time. Weight-only methods multiply in 16 bits and save no
    arithmetic: 1.0 at 8 bits, and 1.1 at 4 and 3 bits for unpacking the weights. The value 1.1 is an assumption, not a
    measurement; the argument of `quantization` overrides it.
    """

    name: str
    weight_bits: float
    kv_bits: float
    compute_scale: float
    lossless: bool
    """Whether perplexity is unchanged: 16 bits by definition, 8 bits as reported for LLM.int8()."""


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

    def __post_init__(self) -> None:
        require_positive(
            f"Quantization {self.name!r}",
            weight_bits=self.weight_bits,
            kv_bits=self.kv_bits,
            compute_scale=self.compute_scale,
            perplexity_before=self.perplexity_before,
            perplexity_after=self.perplexity_after,
        )

    @property
    def quality(self) -> float:
        """Quality factor f: perplexity before over perplexity after."""
        return self.perplexity_before / self.perplexity_after


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        method.name: method
        for method in (
            Method("fp16", 16, 16, 1.0, lossless=True),
            Method("w8a16", 8, 16, 1.0, lossless=True),
            Method("w4a16-rtn", 4, 16, 1.1, lossless=False),
            Method("w4a16-gptq", 4, 16, 1.1, lossless=False),
            Method("w3a16-gptq", 3, 16, 1.1, lossless=False),
        )
    }
)
"""Round-to-nearest (RTN) and GPTQ are weight-only; activations and KV cache stay at 16 bits."""

_PERPLEXITY_ROWS = {
    #              fp16   rtn-4  gptq-4 gptq-3
    "bloom-3b": (13.48, 14.76, 14.20, 17.40),
    "bloom-7.1b": (11.37, 12.10, 11.73, 13.47),
    "opt-13b": (10.13, 11.32, 10.31, 11.61),
    "llama-3-8b": (6.14, 8.5, 6.5, 8.2),
}

PERPLEXITY: Mapping[tuple[str, str], float] = MappingProxyType(
    {
        (model, method): value
        for model, row in _PERPLEXITY_ROWS.items()
        for method, value in zip(("fp16", "w4a16-rtn", "w4a16-gptq", "w3a16-gptq"), row, strict=True)
    }
)
"""Perplexity on WikiText2 by (model, method).

BLOOM and OPT: appendix tables of Frantar et al., "GPTQ" (2023). Llama-3-8B: Huang et al., "How good are low-bit
quantized LLaMA3 models?" (2024), which gives one decimal; its 6.1 at 16 bits is 6.14 to two decimals. There are no rows
for eight bits, which are assumed to be lossless, in line with Dettmers et al., "LLM.int8()" (2022).
"""


def quantization(
    model: str,
    method: str,
    perplexity: tuple[float, float] | None = None,
    compute_scale: float | None = None,
) -> Quantization:
    """Quantise a model by name; ``perplexity`` (before, after) and ``compute_scale`` override the tables.

    A lossless method on a model without a table has both perplexities 1.0; only their ratio is used.

    Raises ValueError for an unknown method, and for a lossy method without a perplexity of this model.
    """
    row = METHODS[known_name("quantisation method", method, METHODS)]
    before, after = perplexity if perplexity is not None else _published(model, row)
    beta = row.compute_scale if compute_scale is None else compute_scale
    return Quantization(row.name, row.weight_bits, row.kv_bits, beta, before, after)


def _published(model: str, method: Method) -> tuple[float, float]:
    if method.lossless:
        before = PERPLEXITY.get((model, "fp16"), 1.0)
        return before, before
    if (model, method.name) not in PERPLEXITY:
        raise ValueError(
            f"no published perplexity of model {model!r} under {method.name!r} is shipped: pass "
            f"perplexity=(before, after), or choose one of the models {', '.join(_PERPLEXITY_ROWS)}"
        )
    return PERPLEXITY[model, "fp16"], PERPLEXITY[model, method.name]
