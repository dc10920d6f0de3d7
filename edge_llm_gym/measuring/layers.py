"""The layers of a decoder-only transformer: attention over a KV cache, and a feed-forward network."""

import torch as th
from torch import nn
from torch.nn import functional

from edge_llm_gym.measuring.kv_cache import KvCache
from edge_llm_gym.measuring.rotary import rotate
from edge_llm_gym.models.llm import ModelShape


def norm_of(shape: ModelShape) -> nn.Module:
    """RMS normalisation for a gated shape, as in Llama and Qwen; layer normalisation otherwise, as in OPT and BLOOM."""
    return nn.RMSNorm(shape.d_model, eps=1e-5) if shape.gated else nn.LayerNorm(shape.d_model)


class Attention(nn.Module):
    """Causal attention with grouped queries; Q, K and V come from one matrix, as in serving engines."""

    def __init__(self, shape: ModelShape, layer: int) -> None:
        super().__init__()
        self.layer, self.head_dim, self.group = layer, shape.head_dim, shape.heads // shape.kv_heads
        self.parts = [shape.heads, shape.kv_heads, shape.kv_heads]
        self.qkv = nn.Linear(shape.d_model, sum(self.parts) * shape.head_dim, bias=False)
        self.out = nn.Linear(shape.heads * shape.head_dim, shape.d_model, bias=False)

    def forward(self, hidden: th.Tensor, start: int, cache: KvCache, rotation: th.Tensor | None) -> th.Tensor:
        """Output [batch, new, d] of new tokens that follow ``start`` cached ones."""
        heads = self.qkv(hidden).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
        query, key, value = heads.split(self.parts, dim=1)
        if rotation is not None:
            query, key = rotate(query, rotation), rotate(key, rotation)
        keys, values = cache.extend(self.layer, start, key, value)
        attend = self._attend_one if query.shape[2] == 1 else self._attend_prompt
        return self.out(attend(query, keys, values))

    def _attend_one(self, query: th.Tensor, keys: th.Tensor, values: th.Tensor) -> th.Tensor:
        """One token to all cached ones: the queries of a group are rows of one product, so keys are read once."""
        rows = query.reshape(query.shape[0], -1, self.group, self.head_dim)
        return functional.scaled_dot_product_attention(rows, keys, values).reshape(query.shape[0], 1, -1)

    def _attend_prompt(self, query: th.Tensor, keys: th.Tensor, values: th.Tensor) -> th.Tensor:
        """A prompt to itself, causally."""
        mixed = functional.scaled_dot_product_attention(query, keys, values, is_causal=True, enable_gqa=self.group > 1)
        return mixed.transpose(1, 2).flatten(2)


class FeedForward(nn.Module):
    """Two matrices around a ReLU, or three with SiLU gating, the first two in one."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.gated = shape.gated
        self.inner = nn.Linear(shape.d_model, (2 if shape.gated else 1) * shape.d_ff, bias=False)
        self.outer = nn.Linear(shape.d_ff, shape.d_model, bias=False)

    def forward(self, hidden: th.Tensor) -> th.Tensor:
        """Output [batch, new, d]."""
        inner = self.inner(hidden)
        if not self.gated:
            return self.outer(functional.relu(inner))
        gate, value = inner.chunk(2, dim=-1)
        return self.outer(functional.silu(gate) * value)


class Layer(nn.Module):
    """Attention and feed-forward network, each after a normalisation and with a residual connection."""

    def __init__(self, shape: ModelShape, layer: int) -> None:
        super().__init__()
        self.attention, self.feed_forward = Attention(shape, layer), FeedForward(shape)
        self.before_attention, self.before_feed_forward = norm_of(shape), norm_of(shape)

    def forward(self, hidden: th.Tensor, start: int, cache: KvCache, rotation: th.Tensor | None) -> th.Tensor:
        """Hidden vectors [batch, new, d] after the layer."""
        hidden = hidden + self.attention(self.before_attention(hidden), start, cache, rotation)
        return hidden + self.feed_forward(self.before_feed_forward(hidden))
