"""A decoder-only transformer with an exit after every ``layers / exits`` layers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from exit_profile.layers import KeyValues, Layer, rotary_angles

BYTES = 256


@dataclass(frozen=True)
class Shape:
    """Sizes of the model; ``layers`` must be a multiple of ``exits``, ``width`` of ``2 * heads``."""

    layers: int = 8
    exits: int = 4
    width: int = 96
    heads: int = 3
    context: int = 256
    vocabulary: int = BYTES
    exit_kind: str = "head"
    """A name in `EXITS`"""

    def depth(self, exit_index: int) -> int:
        """Number of layers before an exit."""
        return self.layers // self.exits * (exit_index + 1)


class AdapterExit(nn.Module):
    """A linear adapter added to its input, LayerNorm, and the token embedding as output head."""

    def __init__(self, width: int, embedding: nn.Embedding) -> None:
        super().__init__()
        self.adapter = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.embedding = embedding

    def forward(self, hidden: Tensor) -> Tensor:
        """Logits [..., vocabulary] from hidden states [..., width]."""
        return functional.linear(self.norm(hidden + self.adapter(hidden)), self.embedding.weight)


def _head_exit(shape: Shape, embedding: nn.Embedding) -> nn.Module:
    """One normalisation and one output head of its own."""
    return nn.Sequential(nn.RMSNorm(shape.width), nn.Linear(shape.width, shape.vocabulary, bias=False))


EXITS: dict[str, Callable[[Shape, nn.Embedding], nn.Module]] = {
    "head": _head_exit,
    "adapter": lambda shape, embedding: AdapterExit(shape.width, embedding),
}
"""Kinds of exits by name, from the shape and the token embedding."""


class MultiExitTransformer(nn.Module):
    """The language model: layers, and exits that each give the next token."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Layer(shape.width, shape.heads) for _ in range(shape.layers))
        self.exits = nn.ModuleList(EXITS[shape.exit_kind](shape, self.embedding) for _ in range(shape.exits))
        self.apply(_initialise)

    def forward(self, text: Tensor) -> list[Tensor]:
        """Logits [batch, time, vocabulary] of the next token at each exit, for ``text`` [batch, time] of token ids."""
        hidden = self.embedding(text)
        rotation = self._rotation(text.shape[1], text.device)
        every = self.shape.layers // self.shape.exits
        logits = []
        for number, layer in enumerate(self.layers, start=1):
            hidden = layer(hidden, rotation)
            if number % every == 0:
                logits.append(self.exits[number // every - 1](hidden))
        return logits

    def next_logits(self, exit_index: int, text: Tensor, past: Sequence[KeyValues]) -> Tensor:
        """Logits [batch, vocabulary] at one exit of the token after ``text`` [batch, time]; no later layer is computed.

        ``past`` has one cache for each layer before the exit, see `Layer.forward`.
        """
        start = past[0].tokens
        cosine, sine = self._rotation(start + text.shape[1], text.device)
        hidden = self.embedding(text)
        for layer, cache in zip(self.layers[: self.shape.depth(exit_index)], past, strict=True):
            hidden = layer(hidden, (cosine[start:], sine[start:]), cache)
        return self.exits[exit_index](hidden[:, -1])

    def _rotation(self, time: int, device: torch.device) -> tuple[Tensor, Tensor]:
        return rotary_angles(time, self.shape.width // self.shape.heads, device)

    @property
    def parameter_count(self) -> int:
        """Number of trained numbers; a shared one counts once."""
        return sum(parameter.numel() for parameter in self.parameters())


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
