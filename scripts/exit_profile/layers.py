"""A layer of a decoder-only transformer: causal attention with rotary positions and a key-value cache, feed-forward."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class KeyValues:
    """Keys and values of the tokens that one layer has seen, each [batch, heads, time, head_width]."""

    def __init__(self) -> None:
        self.seen: tuple[Tensor, Tensor] | None = None

    @property
    def tokens(self) -> int:
        """Number of tokens seen."""
        return 0 if self.seen is None else self.seen[0].shape[2]

    def extended(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of all tokens including the new ones, which are stored."""
        if self.seen is not None:
            key, value = (torch.cat(pair, dim=2) for pair in zip(self.seen, (key, value), strict=True))
        self.seen = (key, value)
        return key, value


class Layer(nn.Module):
    """Causal self-attention and a feed-forward network, each normalised before and added to its input."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.RMSNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.mix = nn.Linear(width, width, bias=False)
        self.feed_forward = nn.Sequential(
            nn.RMSNorm(width),
            nn.Linear(width, 4 * width, bias=False),
            nn.GELU(),
            nn.Linear(4 * width, width, bias=False),
        )

    def forward(self, hidden: Tensor, rotation: tuple[Tensor, Tensor], past: KeyValues | None = None) -> Tensor:
        """Hidden states [batch, time, width] after the layer.

        ``past`` holds the tokens before these and takes up these. After at least one token in ``past``, time must be 1.
        """
        batch, time, width = hidden.shape
        joined = self.query_key_value(self.attention_norm(hidden))
        query, key, value = joined.view(batch, time, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query, key = rotated(query, rotation), rotated(key, rotation)
        if past is not None:
            key, value = past.extended(key, value)
        # A single query is the last token and attends to all keys.
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=time > 1)
        hidden = hidden + self.mix(mixed.transpose(1, 2).reshape(batch, time, width))
        return hidden + self.feed_forward(hidden)


def rotary_angles(time: int, head_width: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Cosines and sines [time, head_width / 2] of rotary position embedding (Su et al., "RoFormer", 2021)."""
    frequency = 10_000.0 ** (-torch.arange(0, head_width, 2, device=device) / head_width)
    angle = torch.outer(torch.arange(time, device=device), frequency)
    return angle.cos(), angle.sin()


def rotated(states: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Queries or keys [..., time, head_width], each pair of coordinates turned by its angle."""
    cosine, sine = rotation
    first, second = states.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, first * sine + second * cosine), dim=-1)
