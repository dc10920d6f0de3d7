"""Set encoder: hidden vectors of pairs, items and nodes out of token sets of any size.

Shared weights act on every pair, item and node, and tokens interact only through masked means, so scores are
equivariant to permutations of requests and nodes, and values invariant. The form for one set is that of "Deep Sets"
(Zaheer et al. 2017); the mixer "attention" replaces the mean over items by multi-head attention without positions
(Vaswani et al. 2017).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import torch as th
from torch import nn

Tokens = Mapping[str, th.Tensor]
Shapes = Mapping[str, tuple[int, ...]]


def masked_mean(values: th.Tensor, mask: th.Tensor, dim: int) -> th.Tensor:
    """Mean over an axis of the entries whose mask is 1; zero where there are none. The mask has one axis less."""
    return mean_of_masked(values * mask.unsqueeze(-1), mask, dim)


def mean_of_masked(values: th.Tensor, mask: th.Tensor, dim: int) -> th.Tensor:
    """The same for values that are already zero where the mask is."""
    return values.sum(dim) / mask.sum(dim).clamp(min=1.0).unsqueeze(-1)


def relu_of_sum(values: th.Tensor, *terms: th.Tensor) -> th.Tensor:
    """ReLU of a sum, in place: arrays of pairs are large, and allocating memory for each costs more than the sums."""
    for term in terms:
        values += term
    return values.relu_()


class Pool(nn.Module):
    """Mixes items [B, L, H] by a linear map of their mean."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mean = nn.Linear(width, width, bias=False)

    def forward(self, items: th.Tensor, mask: th.Tensor) -> th.Tensor:
        """[B, L, H] to be added to the items."""
        return self.mean(masked_mean(items, mask, 1)).unsqueeze(1).expand_as(items)


class Attention(nn.Module):
    """Mixes items [B, L, H] by self-attention in `heads` heads."""

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, items: th.Tensor, mask: th.Tensor) -> th.Tensor:
        """[B, L, H] to be added to the items."""
        rows, count, width = items.shape
        query, key, value = (
            self.project(items).view(rows, count, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        )
        # An empty set attends to all slots, since a softmax over nothing is NaN; masks remove the result later.
        visible = (mask > 0) | (mask.sum(1, keepdim=True) == 0)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=visible[:, None, None, :])
        return self.out(mixed.transpose(1, 2).reshape(rows, count, width))


MIXERS: Final[Mapping[str, type[Pool] | type[Attention]]] = MappingProxyType({"pool": Pool, "attention": Attention})


class Encoder(nn.Module):
    """Hidden vectors of pairs [B, L, K, H], items [B, L, H], nodes [B, K, H] and of the whole [B, H]."""

    def __init__(self, shapes: Shapes, width: int, mixer: str) -> None:
        super().__init__()
        self.items = nn.Linear(shapes["item"][-1], width)
        self.nodes = nn.Linear(shapes["node"][-1], width)
        self.pairs = nn.Linear(shapes["pair"][-1], width)
        self.context = nn.Linear(shapes["context"][-1], width)
        self.items_from_pairs = nn.Linear(width, width)
        self.nodes_from_pairs = nn.Linear(width, width)
        self.mix = MIXERS[mixer](width)
        self.whole = nn.Linear(2 * width, width)

    def forward(self, tokens: Tokens) -> tuple[th.Tensor, th.Tensor, th.Tensor, th.Tensor]:
        """pairs, items, nodes, whole."""
        item_mask, pair_mask = tokens["item_mask"], tokens["pair_mask"]
        items, nodes = self.items(tokens["item"]), self.nodes(tokens["node"])
        context = self.context(tokens["context"])
        of_node = (nodes + context.unsqueeze(1)).unsqueeze(1)
        pairs = relu_of_sum(self.pairs(tokens["pair"]), items.unsqueeze(2), of_node) * pair_mask.unsqueeze(-1)
        items = th.relu(items + self.items_from_pairs(mean_of_masked(pairs, pair_mask, 2)))
        nodes = th.relu(nodes + self.nodes_from_pairs(mean_of_masked(pairs, pair_mask, 1)))
        items = items + self.mix(items, item_mask)
        summary = th.cat([masked_mean(items, item_mask, 1), nodes.mean(1)], dim=-1)
        return pairs, items, nodes, th.relu(self.whole(summary) + context)
