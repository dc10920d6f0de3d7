"""The form of a catalogue row: the same keys in the shipped catalogues, in a file of one's own and in a scenario.

The docstring of every field is its description in the schema, from which the scenario reference is generated.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Tag, model_validator

from edge_llm_gym.messages import quoted
from edge_llm_gym.quantities import (
    BusyWatt,
    Dimension,
    ElementBits,
    Flops,
    IdleWatt,
    Layers,
    MemoryBandwidth,
    MemoryBytes,
    Name,
    Parameters,
    Perplexity,
    PrefillOverheadSeconds,
    Scale,
    Share,
    StepOverheadSeconds,
    Vocabulary,
)

PerplexityPair = tuple[Perplexity, Perplexity]


def _perplexity_kind(value: Any) -> str:
    return "<by model>" if isinstance(value, Mapping) else "<pair>"


class CatalogueRow(BaseModel):
    """Base of all rows: frozen, finite numbers only, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)
    OTHER_NAMES: ClassVar[Mapping[str, str]] = {}
    """Key of data sheets or configuration files -> what to write instead."""

    name: Name = "own"
    """Name in tables and messages; by default the name of the file, if the row is one."""
    source: str = ""
    """Origin of the numbers."""
    assumed: tuple[str, ...] = ()
    """Keys whose values are assumptions and have no source."""

    @model_validator(mode="before")
    @classmethod
    def _refuse_other_names(cls, data: Any) -> Any:
        for key in cls.OTHER_NAMES if isinstance(data, Mapping) else ():
            if key in data:
                raise ValueError(f"unknown key {key!r}, got {quoted(data[key])}; write {cls.OTHER_NAMES[key]}")
        return data

    @model_validator(mode="after")
    def _assumed_are_keys(self) -> Self:
        if unknown := [key for key in self.assumed if key not in type(self).model_fields]:
            raise ValueError(
                f"assumed lists keys of this row, got {quoted(unknown)}; choose from {list(type(self).model_fields)}"
            )
        return self


class HardwareSection(CatalogueRow):
    """One accelerator, or one CPU that computes."""

    OTHER_NAMES: ClassVar[Mapping[str, str]] = {
        "tflops": "peak_flops in FLOP/s (17 TFLOP/s are 17.0e+12)",
        "peak_tflops": "peak_flops in FLOP/s (17 TFLOP/s are 17.0e+12)",
        "memory_gb": "memory_bytes in bytes (8 GB are 8.0e+9)",
        "memory_gib": "memory_bytes in bytes (8 GiB are 8.59e+9)",
        "memory_bandwidth": "memory_bandwidth_bytes_per_s in bytes/s (100 GB/s are 100.0e+9)",
        "bandwidth_gb_s": "memory_bandwidth_bytes_per_s in bytes/s (100 GB/s are 100.0e+9)",
        "memory_bandwidth_gb_s": "memory_bandwidth_bytes_per_s in bytes/s (100 GB/s are 100.0e+9)",
        "tdp_w": "busy_w in W",
        "power_w": "idle_w and busy_w in W",
        "step_overhead_ms": "step_overhead_s in s (2 ms are 2.0e-3)",
        "prefill_overhead_ms": "prefill_overhead_s in s (2 ms are 2.0e-3)",
    }

    peak_flops: Flops
    """Dense FP16 peak in FLOP/s."""
    memory_bytes: MemoryBytes
    """Memory of the device in bytes; decimal gigabytes, as in data sheets."""
    memory_bandwidth_bytes_per_s: MemoryBandwidth
    """Memory bandwidth in bytes/s."""
    idle_w: IdleWatt
    """Power in W of the device without work."""
    busy_w: BusyWatt
    """Power in W of the device while it computes."""
    flops_fraction: Share = 0.5
    """Share of the peak FLOP/s that a prefill reaches."""
    bandwidth_fraction: Share = 0.7
    """Share of the memory bandwidth that a decode step reaches."""
    step_overhead_s: StepOverheadSeconds = 0.0
    """Overhead in s of each decode step, such as kernel launches."""
    prefill_overhead_s: PrefillOverheadSeconds = 0.0
    """Overhead in s of each prefill."""


class ModelSection(CatalogueRow):
    """The shape of a decoder-only transformer. Norms, biases and learned positions are neglected."""

    OTHER_NAMES: ClassVar[Mapping[str, str]] = {
        "num_hidden_layers": "layers",
        "n_layer": "layers",
        "hidden_size": "d_model",
        "n_embed": "d_model",
        "num_attention_heads": "heads",
        "n_head": "heads",
        "num_key_value_heads": "kv_heads",
        "head_size": "head_dim",
        "intermediate_size": "d_ff",
        "ffn_dim": "d_ff",
        "vocab_size": "vocabulary",
        "tie_word_embeddings": "tied_head",
    }

    layers: Layers
    """Number of transformer layers."""
    d_model: Dimension
    """Dimension of the hidden vectors."""
    heads: Dimension
    """Number of attention heads."""
    kv_heads: Dimension
    """Number of key-value heads; less than `heads` for grouped-query attention."""
    head_dim: Dimension | None = None
    """Dimension of one attention head, d_model / heads by default; heads x head_dim need not equal d_model."""
    d_ff: Dimension
    """Inner dimension of the feed-forward network."""
    gated: bool = False
    """Whether the feed-forward network is gated (three matrices instead of two)."""
    vocabulary: Vocabulary
    """Number of tokens of the vocabulary."""
    tied_head: bool = True
    """Whether the output head shares its weights with the embedding."""


class ShippedModel(ModelSection):
    """A model of the shipped catalogue."""

    published_parameters: Parameters
    """Number of parameters that the publisher states or that the published weights hold."""


class QuantizationSection(CatalogueRow):
    """A quantisation method."""

    OTHER_NAMES: ClassVar[Mapping[str, str]] = {
        "bits": "weight_bits",
        "bits_per_weight": "weight_bits",
        "bpw": "weight_bits",
        "kv_cache_bits": "kv_bits",
        "perplexity_before": "perplexity: [before, after]",
        "perplexity_after": "perplexity: [before, after]",
        "quality": "perplexity: [before, after], whose ratio is the quality factor",
    }

    weight_bits: ElementBits
    """Bits per element of the layers' matrices, with scales and other constants of the format."""
    table_bits: ElementBits | None = None
    """Bits per element of embedding and output head; by default 16, or `weight_bits` if that is more."""
    kv_bits: ElementBits = 16.0
    """Bits per element of the KV cache."""
    compute_scale: Scale = 1.0
    """Factor on the computing time, relative to FP16."""
    lossless: bool = False
    """Whether perplexity is unchanged for models that `perplexity` does not list."""
    perplexity: (
        Annotated[
            Annotated[PerplexityPair, Tag("<pair>")] | Annotated[dict[str, PerplexityPair], Tag("<by model>")],
            Discriminator(_perplexity_kind),
        ]
        | None
    ) = None
    """Perplexity [before, after] quantisation, one pair for all models or a mapping from model names to pairs."""


Kind = Literal["hardware", "models", "quantization"]
"""The catalogues."""
