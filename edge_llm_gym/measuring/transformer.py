"""A decoder-only transformer of a given shape in plain PyTorch, with random weights: timing needs no trained ones."""

import torch as th
from torch import nn
from torch.nn import functional

from edge_llm_gym.measuring.kv_cache import KvCache
from edge_llm_gym.measuring.layers import Layer, norm_of
from edge_llm_gym.measuring.rotary import rotation_table
from edge_llm_gym.models.llm import ModelShape


class Transformer(nn.Module):
    """Computes the logits of the next token. Make one with `random_transformer`.

    Gated shapes have rotary positions; others have none, since their learned or ALiBi positions cost one addition.
    """

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.d_model)
        self.layers = nn.ModuleList(Layer(shape, layer) for layer in range(shape.layers))
        self.norm = norm_of(shape)
        self.head = None if shape.tied_head else nn.Linear(shape.d_model, shape.vocabulary, bias=False)
        self.rotations: th.Tensor | None = None

    def prefill(self, tokens: th.Tensor, cache: KvCache) -> th.Tensor:
        """Logits [batch, vocabulary] after prompts int64 [batch, s], whose keys and values are written to the cache."""
        return self._logits(tokens, 0, cache)

    def decode(self, tokens: th.Tensor, context: int, cache: KvCache) -> th.Tensor:
        """Logits [batch, vocabulary] after one token of each sequence, int64 [batch, 1], at position ``context`` - 1.

        It attends to ``context`` tokens: those in the cache, and itself.
        """
        return self._logits(tokens, context - 1, cache)

    def _logits(self, tokens: th.Tensor, start: int, cache: KvCache) -> th.Tensor:
        hidden = self.embedding(tokens)
        rotation = None if self.rotations is None else self.rotations[:, start : start + tokens.shape[1]]
        for layer in self.layers:
            hidden = layer(hidden, start, cache, rotation)
        weights = self.embedding.weight if self.head is None else self.head.weight
        return functional.linear(self.norm(hidden[:, -1]), weights)


def random_transformer(shape: ModelShape, tokens: int, device: str, dtype: th.dtype, seed: int) -> Transformer:
    """A transformer for sequences of up to ``tokens`` tokens, with normal weights of variance 1 / inputs.

    Raises ValueError for a gated shape with heads of odd dimension, which rotary positions cannot turn.
    """
    if shape.gated and shape.head_dim % 2:
        raise ValueError(f"model {shape.name!r}: rotary positions need an even head dimension, got {shape.head_dim}")
    with th.device("meta"):  # no memory until the dtype is known
        model = Transformer(shape)
    model = model.to(dtype).to_empty(device=device).requires_grad_(False)
    _draw_weights(model, th.Generator(device).manual_seed(seed))
    if shape.gated:
        model.rotations = rotation_table(tokens, shape.head_dim, model.embedding.weight)
    return model


def _draw_weights(model: Transformer, generator: th.Generator) -> None:
    """Matrices are drawn, scales are one and shifts zero."""
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2:
            parameter.normal_(std=parameter.shape[1] ** -0.5, generator=generator)
        else:
            parameter.fill_(0.0 if name.endswith("bias") else 1.0)
