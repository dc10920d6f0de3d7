"""A small decoder-only transformer over bytes, with an exit after every second layer."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

BYTES = 256


@dataclass(frozen=True)
class Shape:
    """Sizes of the model; ``layers`` must be a multiple of ``exits``."""

    layers: int = 8
    exits: int = 4
    width: int = 96
    heads: int = 3
    context: int = 256


class Layer(nn.Module):
    """Causal self-attention and a feed-forward network, each normalised before and added to its input."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.attention_norm = nn.RMSNorm(shape.width)
        self.query_key_value = nn.Linear(shape.width, 3 * shape.width, bias=False)
        self.mix = nn.Linear(shape.width, shape.width, bias=False)
        self.feed_forward = nn.Sequential(
            nn.RMSNorm(shape.width),
            nn.Linear(shape.width, 4 * shape.width, bias=False),
            nn.GELU(),
            nn.Linear(4 * shape.width, shape.width, bias=False),
        )

    def forward(self, hidden: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
        """Hidden states [batch, time, width] after the layer."""
        batch, time, width = hidden.shape
        joined = self.query_key_value(self.attention_norm(hidden))
        query, key, value = joined.view(batch, time, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(
            rotated(query, rotation), rotated(key, rotation), value, is_causal=True
        )
        hidden = hidden + self.mix(mixed.transpose(1, 2).reshape(batch, time, width))
        return hidden + self.feed_forward(hidden)


class MultiExitTransformer(nn.Module):
    """The language model: one normalisation and one output head for each exit."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(BYTES, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.exits = nn.ModuleList(
            nn.Sequential(nn.RMSNorm(shape.width), nn.Linear(shape.width, BYTES, bias=False))
            for _ in range(shape.exits)
        )
        self.apply(_initialise)

    def forward(self, text: Tensor) -> list[Tensor]:
        """Logits [batch, time, BYTES] of the next byte at each exit, for ``text`` [batch, time] of bytes."""
        hidden = self.embedding(text)
        rotation = rotary_angles(text.shape[1], self.shape.width // self.shape.heads)
        every = self.shape.layers // self.shape.exits
        logits = []
        for number, layer in enumerate(self.layers, start=1):
            hidden = layer(hidden, rotation)
            if number % every == 0:
                logits.append(self.exits[number // every - 1](hidden))
        return logits

    @property
    def parameter_count(self) -> int:
        """Number of trained numbers."""
        return sum(parameter.numel() for parameter in self.parameters())


def rotary_angles(time: int, head_width: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines [time, head_width / 2] of rotary position embedding (Su et al., "RoFormer", 2021)."""
    frequency = 10_000.0 ** (-torch.arange(0, head_width, 2) / head_width)
    angle = torch.outer(torch.arange(time), frequency)
    return angle.cos(), angle.sin()


def rotated(states: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Queries or keys [..., time, head_width], each pair of coordinates turned by its angle."""
    cosine, sine = rotation
    first, second = states.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, first * sine + second * cosine), dim=-1)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
