"""The set network: scores of pairs, items and nodes out of sets of any size, and a value.

Shared weights act on every pair, item and node, and sets meet only in masked means, so scores follow when requests
change places (equivariance) and the value stays (invariance). "Deep Sets" (Zaheer et al. 2017) gives the form for one
set; "attention" lets items look at one another instead (Vaswani et al. 2017), without positions.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import torch as th
from torch import nn

from agents.layouts import Block
from agents.tokens import PRIOR

Tokens = Mapping[str, th.Tensor]
Shapes = Mapping[str, tuple[int, ...]]


def masked_mean(values: th.Tensor, mask: th.Tensor, dim: int) -> th.Tensor:
    """Mean over an axis of those whose mask is 1; zero where there is none. The mask has one axis less."""
    weight = mask.unsqueeze(-1)
    return mean_of(values * weight, mask, dim)


def mean_of(values: th.Tensor, mask: th.Tensor, dim: int) -> th.Tensor:
    """The same for values that are zero already where the mask is."""
    return values.sum(dim) / mask.sum(dim).clamp(min=1.0).unsqueeze(-1)


def added(values: th.Tensor, *terms: th.Tensor) -> th.Tensor:
    """ReLU of a sum, in place: the arrays of pairs are large, and fresh memory for each costs more than the sums."""
    for term in terms:
        values += term
    return values.relu_()


class Pool(nn.Module):
    """Items [B, L, H] hear the mean of all items."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mean = nn.Linear(width, width, bias=False)

    def forward(self, items: th.Tensor, mask: th.Tensor) -> th.Tensor:
        """What each item takes from the others."""
        return self.mean(masked_mean(items, mask, 1)).unsqueeze(1).expand_as(items)


class Attention(nn.Module):
    """Items [B, L, H] look at one another, in `heads` heads."""

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, items: th.Tensor, mask: th.Tensor) -> th.Tensor:
        """What each item takes from the others."""
        rows, count, width = items.shape
        query, key, value = (
            self.project(items).view(rows, count, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        )
        # An empty set would have nobody to look at: it looks at everybody, and nothing comes of it.
        seen = (mask > 0) | (mask.sum(1, keepdim=True) == 0)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=seen[:, None, None, :])
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
        there = (nodes + context.unsqueeze(1)).unsqueeze(1)
        first = added(self.pairs(tokens["pair"]), items.unsqueeze(2), there) * pair_mask.unsqueeze(-1)
        items = th.relu(items + self.items_from_pairs(mean_of(first, pair_mask, 2)))
        nodes = th.relu(nodes + self.nodes_from_pairs(mean_of(first, pair_mask, 1)))
        items = items + self.mix(items, item_mask)
        summary = th.cat([masked_mean(items, item_mask, 1), nodes.mean(1)], dim=-1)
        return first, items, nodes, th.relu(self.whole(summary) + context)


class Actor(nn.Module):
    """The numbers of the flat action [B, sum of the blocks' sizes]."""

    def __init__(
        self, shapes: Shapes, blocks: Sequence[Block], width: int, mixer: str, prior: bool, bound: float | None
    ) -> None:
        super().__init__()
        self.blocks, self.bound = tuple(blocks), bound
        self.encoder = Encoder(shapes, width, mixer)
        self.second = nn.Linear(width, width)
        self.pair_items = nn.Linear(width, width, bias=False)
        self.pair_nodes = nn.Linear(2 * width, width, bias=False)
        self.heads = nn.ModuleList(self._head(block, width) for block in blocks)
        self.prior = nn.Parameter(th.ones(1)) if prior else None

    @staticmethod
    def _head(block: Block, width: int) -> nn.Linear:
        head = nn.Linear({"node": 2, "item": 2}.get(block.kind, 1) * width, block.width)
        nn.init.orthogonal_(head.weight, gain=0.05)
        nn.init.zeros_(head.bias)
        return head

    def forward(self, tokens: Tokens) -> th.Tensor:
        """Scores within the bound, or logits if there is none."""
        first, items, nodes, whole = self.encoder(tokens)
        there = th.cat([nodes, whole.unsqueeze(1).expand_as(nodes)], dim=-1)
        pairs = added(self.second(first), self.pair_items(items).unsqueeze(2), self.pair_nodes(there).unsqueeze(1))
        here = th.cat([items, whole.unsqueeze(1).expand_as(items)], dim=-1)
        sets = {"pair": pairs, "choice": pairs, "item": here, "node": there, "whole": whole}
        parts = [
            self._block(block, head(sets[block.kind]), tokens)
            for block, head in zip(self.blocks, self.heads, strict=True)
        ]
        flat = th.cat(parts, dim=1)
        return flat if self.bound is None else th.tanh(flat / self.bound)

    def _block(self, block: Block, scores: th.Tensor, tokens: Tokens) -> th.Tensor:
        if self.prior is not None and block.kind in ("pair", "choice") and block.width == 1:
            scores = scores + self.prior * tokens["pair"][..., PRIOR : PRIOR + 1]
        if block.kind == "choice":  # choosing no node scores 0, which fixes the origin of the others
            scores = nn.functional.pad(scores.squeeze(-1), (1, 0))
        return scores.flatten(1)


class Critic(nn.Module):
    """The value [B, 1] of a state: a small deep set over items, each with the mean of its pairs."""

    def __init__(self, shapes: Shapes, width: int) -> None:
        super().__init__()
        self.items = nn.Linear(shapes["item"][-1] + shapes["pair"][-1], width)
        self.nodes = nn.Linear(shapes["node"][-1], width)
        self.whole = nn.Sequential(
            nn.Linear(3 * width + shapes["context"][-1], width), nn.Tanh(), nn.Linear(width, width), nn.Tanh()
        )
        self.value = nn.Linear(width, 1)

    def forward(self, tokens: Tokens) -> th.Tensor:
        """Value of the sets."""
        of_item = th.cat([tokens["item"], masked_mean(tokens["pair"], tokens["pair_mask"], 2)], dim=-1)
        items = th.tanh(self.items(of_item)) * tokens["item_mask"].unsqueeze(-1)
        nodes = th.tanh(self.nodes(tokens["node"]))
        share = items.mean(1)  # over all slots: how many there are matters
        parts = [share, nodes.mean(1), nodes.amax(1), tokens["context"]]
        return self.value(self.whole(th.cat(parts, dim=-1)))


class SetNetworks(nn.Module):
    """Actor and critic behind the interface of Stable-Baselines3's MlpExtractor."""

    def __init__(self, actor: Actor, critic: Critic) -> None:
        super().__init__()
        self.actor, self.critic = actor, critic

    def forward(self, tokens: Tokens) -> tuple[th.Tensor, th.Tensor]:
        """Flat action numbers and value."""
        return self.actor(tokens), self.critic(tokens)

    def forward_actor(self, tokens: Tokens) -> th.Tensor:
        """Flat action numbers."""
        return self.actor(tokens)

    def forward_critic(self, tokens: Tokens) -> th.Tensor:
        """Value."""
        return self.critic(tokens)
