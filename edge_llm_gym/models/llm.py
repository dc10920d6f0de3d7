"""Shapes of decoder-only transformers, their numbers of parameters and the size of their weights."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from edge_llm_gym.models.catalogue import LazyMapping, ModelSection, model_rows
from edge_llm_gym.models.checks import require_count
from edge_llm_gym.names import known_name
from edge_llm_gym.units import bits_to_bytes

TABLE_BITS = 16
"""Bits per element of the embedding and of the output head if a quantiser does not quantise them."""
DEFAULT_HEAD_DIM = 0
"""`head_dim` of a shape whose heads divide d_model among them."""


@dataclass(frozen=True, slots=True)
class ModelShape:
    """Dimensions of a decoder-only transformer; norms, biases and learned positions (below 1 %) are neglected.

    Raises TypeError for a dimension that is not whole, ValueError for one below 1, for `kv_heads` that do not divide
    `heads`, and for `heads` that do not divide `d_model` if `head_dim` is left out.
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
    head_dim: int = DEFAULT_HEAD_DIM
    """Width of one attention head; d_model / heads if left out. heads x head_dim need not equal d_model."""

    def __post_init__(self) -> None:
        if self.head_dim == DEFAULT_HEAD_DIM:
            object.__setattr__(self, "head_dim", self._default_head_dim())
        require_count(
            f"ModelShape {self.name!r}",
            layers=self.layers,
            d_model=self.d_model,
            heads=self.heads,
            kv_heads=self.kv_heads,
            head_dim=self.head_dim,
            d_ff=self.d_ff,
            vocabulary=self.vocabulary,
        )
        self._require_divisible("heads", self.heads, "kv_heads", self.kv_heads)

    def _require_divisible(self, whole: str, whole_value: int, part: str, part_value: int, hint: str = "") -> None:
        if whole_value % part_value:
            raise ValueError(
                f"ModelShape {self.name!r}: {whole} must be a multiple of {part}, got {whole_value} and {part_value}"
                f"{hint}"
            )

    def _default_head_dim(self) -> int:
        require_count(f"ModelShape {self.name!r}", d_model=self.d_model, heads=self.heads)
        self._require_divisible("d_model", self.d_model, "heads", self.heads, "; give head_dim if it differs")
        return self.d_model // self.heads

    @property
    def query_dim(self) -> int:
        """Width of the queries of a token in one layer, and of the attention's output: heads x head_dim."""
        return self.heads * self.head_dim

    @property
    def kv_dim(self) -> int:
        """Width of the K (or V) vector of a token in one layer."""
        return self.kv_heads * self.head_dim

    @property
    def layer_parameters(self) -> int:
        """Elements of one layer's matrices: Q, K, V, O and two or three of the feed-forward network.

        Q and O are d_model x query_dim, K and V are d_model x kv_dim.
        """
        attention = 2 * self.d_model * (self.query_dim + self.kv_dim)
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


MODELS: Mapping[str, ModelShape] = LazyMapping(lambda: {name: _shape(row) for name, row in model_rows().items()})
"""Shapes of the shipped models by name: `catalogue/models.yaml`."""


def model_shape(model: str | ModelSection) -> ModelShape:
    """Shape of a shipped model by name, or of a catalogue row.

    Raises ValueError with a suggestion for an unknown name, and the errors of `ModelShape`.
    """
    return _shape(model) if isinstance(model, ModelSection) else MODELS[known_name("model", model, MODELS)]


def _shape(row: ModelSection) -> ModelShape:
    given = {field.name: getattr(row, field.name) for field in fields(ModelShape)}
    return ModelShape(**given | {"head_dim": row.head_dim or DEFAULT_HEAD_DIM})


def layer_weight_bytes(shape: ModelShape, bits: float) -> float:
    """Bytes of one layer's matrices at ``bits`` per element (for example 4.25 with the scales of 4-bit groups)."""
    return bits_to_bytes(float(shape.layer_parameters * bits))


def head_weight_bytes(shape: ModelShape, bits: float, table_bits: float | None = None) -> float:
    """Bytes of the output head, and as many of an untied embedding.

    Weight quantisers such as GPTQ keep both at 16 bits, which is the default (or `bits`, if that is more).
    """
    return bits_to_bytes(float(shape.head_parameters * (max(bits, TABLE_BITS) if table_bits is None else table_bits)))


def weight_bytes(shape: ModelShape, bits: float, table_bits: float | None = None) -> float:
    """Memory in bytes of the weights: layers at ``bits``, embedding and head as in `head_weight_bytes`."""
    tables = head_weight_bytes(shape, bits, table_bits) * (1 if shape.tied_head else 2)
    return shape.layers * layer_weight_bytes(shape, bits) + tables


def streamed_weight_bytes(shape: ModelShape, bits: float, table_bits: float | None = None) -> float:
    """Bytes of weights that one decode step reads: layers and head, without an untied embedding."""
    return shape.layers * layer_weight_bytes(shape, bits) + head_weight_bytes(shape, bits, table_bits)
