"""Storage for the keys and values of a batch, allocated once."""

import torch as th

from edge_llm_gym.models.llm import ModelShape


class KvCache:
    """Keys and values of all layers; `rows` gives a view of some sequences, whose writes go to the same memory."""

    def __init__(self, keys: th.Tensor, values: th.Tensor) -> None:
        """Takes two tensors [layers, batch, KV heads, tokens, head dimension]."""
        self.keys, self.values = keys, values

    @classmethod
    def empty(cls, shape: ModelShape, batch: int, tokens: int, like: th.Tensor) -> "KvCache":
        """A cache of zeros for ``batch`` sequences of up to ``tokens`` tokens, with device and dtype of ``like``."""
        size = (shape.layers, batch, shape.kv_heads, tokens, shape.head_dim)
        keys, values = (th.zeros(size, dtype=like.dtype, device=like.device) for _ in range(2))
        return cls(keys, values)

    def rows(self, first: int, count: int) -> "KvCache":
        """The sequences from ``first`` on."""
        return KvCache(self.keys[:, first : first + count], self.values[:, first : first + count])

    def extend(self, layer: int, start: int, keys: th.Tensor, values: th.Tensor) -> tuple[th.Tensor, th.Tensor]:
        """Writes new tokens [batch, KV heads, new, head dimension] at ``start``; returns all tokens up to the last."""
        end = start + keys.shape[2]
        self.keys[layer, :, :, start:end] = keys
        self.values[layer, :, :, start:end] = values
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]
