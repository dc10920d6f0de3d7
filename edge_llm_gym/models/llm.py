"""Shapes of decoder-only transformers, their numbers of parameters and the size of their weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from edge_llm_gym.models.checks import require_count
from edge_llm_gym.names import known_name
from edge_llm_gym.units import bits_to_bytes

TABLE_BITS = 16
"""Bits per element of the embedding and of the output head if a quantiser does not quantise them."""


@dataclass(frozen=True, slots=True)
class ModelShape:
    """Dimensions of a decoder-only transformer; norms, biases and learned positions (below 0.3 %) are neglected.

    Raises TypeError for a dimension that is not whole, ValueError for one below 1 or for heads that do not divide.
    """

    name: str
    layers: int
    d_model: int
    heads: int
    kv_heads: int
    d_ff: int
    gated: bool
    """Whether the feed-forward network has a third, gating matrix (SwiGLU)."""
    vocabulary: int
    tied_head: bool
    """Whether the output head shares the embedding matrix."""

    def __post_init__(self) -> None:
        require_count(
            f"ModelShape {self.name!r}",
            layers=self.layers,
            d_model=self.d_model,
            heads=self.heads,
            kv_heads=self.kv_heads,
            d_ff=self.d_ff,
            vocabulary=self.vocabulary,
        )
        self._require_divisible("d_model", self.d_model, "heads", self.heads)
        self._require_divisible("heads", self.heads, "kv_heads", self.kv_heads)

    def _require_divisible(self, whole: str, whole_value: int, part: str, part_value: int) -> None:
        if whole_value % part_value:
            raise ValueError(
                f"ModelShape {self.name!r}: {whole} must be a multiple of {part}, got {whole_value} and {part_value}"
            )

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.d_model // self.heads

    @property
    def kv_dim(self) -> int:
        """Width of the K (or V) vector of a token in one layer."""
        return self.kv_heads * self.head_dim

    @property
    def layer_parameters(self) -> int:
        """Elements of one layer's matrices: Q, K, V, O and two or three of the feed-forward network."""
        attention = 2 * self.d_model * (self.d_model + self.kv_dim)
        feed_forward = (3 if self.gated else 2) * self.d_model * self.d_ff
        return attention + feed_forward

    @property
    def head_parameters(self) -> int:
        """Elements of the output head, and as many of the embedding."""
        return self.vocabulary * self.d_model

    @property
    def table_parameters(self) -> int:
        """Elements of embedding and head together: one matrix if they are tied, otherwise two."""
        return self.head_parameters * (1 if self.tied_head else 2)

    @property
    def parameters(self) -> int:
        """Elements of all matrices."""
        return self.layers * self.layer_parameters + self.table_parameters

    @property
    def kv_elements_per_token_layer(self) -> int:
        """Elements per token in one layer's KV cache."""
        return 2 * self.kv_dim

    @property
    def kv_elements_per_token(self) -> int:
        """Elements per token in the KV cache of all layers."""
        return self.layers * self.kv_elements_per_token_layer


MODELS: Mapping[str, ModelShape] = MappingProxyType(
    {
        shape.name: shape
        for shape in (
            ModelShape("bloom-3b", 30, 2560, 32, 32, 10240, False, 250880, True),
            ModelShape("bloom-7.1b", 30, 4096, 32, 32, 16384, False, 250880, True),
            ModelShape("opt-13b", 40, 5120, 40, 40, 20480, False, 50272, True),
            ModelShape("llama-3-8b", 32, 4096, 32, 8, 14336, True, 128256, False),
            ModelShape("qwen2.5-7b", 28, 3584, 28, 4, 18944, True, 152064, False),
        )
    }
)
"""Shapes from the published configuration files."""


def model_shape(name: str) -> ModelShape:
    """Shape of a shipped model by name. Raises ValueError with a suggestion for an unknown one."""
    return MODELS[known_name("model", name, MODELS)]


def layer_weight_bytes(shape: ModelShape, bits: float) -> float:
    """Bytes of one layer's matrices at ``bits`` per element (for example 4.25 with the scales of 4-bit groups)."""
    return bits_to_bytes(float(shape.layer_parameters * bits))


def head_weight_bytes(shape: ModelShape, bits: float, *, quantize_all: bool = False) -> float:
    """Bytes of the output head, and as many of an untied embedding.

    Weight quantisers such as GPTQ keep both at 16 bits; ``quantize_all`` applies ``bits`` to them too.
    """
    return bits_to_bytes(float(shape.head_parameters * (bits if quantize_all else max(bits, TABLE_BITS))))


def weight_bytes(shape: ModelShape, bits: float, *, quantize_all: bool = False) -> float:
    """Memory in bytes of the weights: layers at ``bits``, embedding and head as in `head_weight_bytes`."""
    tables = head_weight_bytes(shape, bits, quantize_all=quantize_all) * (1 if shape.tied_head else 2)
    return shape.layers * layer_weight_bytes(shape, bits) + tables


def streamed_weight_bytes(shape: ModelShape, bits: float, *, quantize_all: bool = False) -> float:
    """Bytes of weights that one decode step reads: layers and head, without an untied embedding."""
    head = head_weight_bytes(shape, bits, quantize_all=quantize_all)
    return shape.layers * layer_weight_bytes(shape, bits) + head
