"""Memory that timing a model takes, and its check before anything is allocated."""

from edge_llm_gym.measuring.grid import Grid
from edge_llm_gym.models.cost import kv_bytes_per_token
from edge_llm_gym.models.llm import ModelShape
from edge_llm_gym.units import GIGA, bits_to_bytes

HEADROOM = 1.1
"""Factor on the sum of weights, KV cache and activations, for work space of libraries and fragmentation."""


def weight_bytes(shape: ModelShape, bits: int) -> float:
    """Bytes of all matrices at ``bits`` per element, embedding and head included."""
    return bits_to_bytes(float(shape.parameters * bits))


def cache_bytes(shape: ModelShape, grid: Grid, bits: int) -> float:
    """Bytes of a KV cache for the largest batch of the grid."""
    return kv_bytes_per_token(shape, bits) * grid.max_batch * grid.capacity


def activation_bytes(shape: ModelShape, grid: Grid, bits: int) -> float:
    """Bytes of the largest activations: those of one layer in the longest prefill, or the logits of a batch."""
    attention = (shape.heads + 2 * shape.kv_heads) * shape.head_dim
    feed_forward = (3 if shape.gated else 2) * shape.d_ff
    layer = grid.max_tokens * (3 * shape.d_model + 2 * attention + feed_forward)
    return bits_to_bytes(float(max(layer, grid.max_batch * shape.vocabulary) * bits))


def required_bytes(shape: ModelShape, grid: Grid, bits: int) -> float:
    """Bytes of weights, KV cache and activations, with `HEADROOM`."""
    parts = (weight_bytes(shape, bits), cache_bytes(shape, grid, bits), activation_bytes(shape, grid, bits))
    return HEADROOM * sum(parts)


def require_memory(shape: ModelShape, grid: Grid, bits: int, free_bytes: float) -> None:
    """Raises ValueError if the measurement needs more than ``free_bytes``."""
    needed = required_bytes(shape, grid, bits)
    if needed > free_bytes:
        raise ValueError(
            f"timing {shape.name!r} at {bits} bits needs {needed / GIGA:.2f} GB of memory "
            f"({weight_bytes(shape, bits) / GIGA:.2f} GB of weights, {cache_bytes(shape, grid, bits) / GIGA:.2f} GB of "
            f"KV cache for {grid.max_batch} sequences of {grid.capacity} tokens), and {free_bytes / GIGA:.2f} GB are "
            f"free: choose a smaller model, smaller batches or shorter contexts"
        )
