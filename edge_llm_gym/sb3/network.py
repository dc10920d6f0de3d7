"""Actor and critic over token sets, behind the interface of Stable-Baselines3's MlpExtractor."""

from dataclasses import dataclass

import torch as th
from torch import nn

from edge_llm_gym.features.tokens import PRIOR
from edge_llm_gym.sb3.encoder import Encoder, Shapes, Tokens, masked_mean, relu_of_sum
from edge_llm_gym.sb3.layouts import Block

HEAD_GAIN = 0.05
"""Gain of the orthogonal initialisation of the heads: untrained scores are close to the prior."""


@dataclass(frozen=True)
class SetNetwork:
    """A set-structured network.

    `blocks` describes the flat action; `width` counts hidden units; `mixer` is a name in `sb3.encoder.MIXERS`; `prior`
    adds the hand-made score of a pair; `log_std` is the logarithm of the standard deviation of all Box actions.
    """

    blocks: tuple[Block, ...]
    width: int = 32
    mixer: str = "pool"
    prior: bool = True
    log_std: float = -1.5


class Actor(nn.Module):
    """The numbers of the flat action [B, sum of the blocks' sizes]."""

    def __init__(self, shapes: Shapes, network: SetNetwork, bound: float | None) -> None:
        super().__init__()
        width = network.width
        self.blocks, self.bound = network.blocks, bound
        self.encoder = Encoder(shapes, width, network.mixer)
        self.second = nn.Linear(width, width)
        self.pair_items = nn.Linear(width, width, bias=False)
        self.pair_nodes = nn.Linear(2 * width, width, bias=False)
        self.heads = nn.ModuleList(_head(block, width) for block in network.blocks)
        self.prior = nn.Parameter(th.ones(1)) if network.prior else None

    def forward(self, tokens: Tokens) -> th.Tensor:
        """Scores within (-1, 1), or logits if there is no bound."""
        first, items, nodes, whole = self.encoder(tokens)
        of_node = th.cat([nodes, whole.unsqueeze(1).expand_as(nodes)], dim=-1)
        pairs = relu_of_sum(
            self.second(first), self.pair_items(items).unsqueeze(2), self.pair_nodes(of_node).unsqueeze(1)
        )
        of_item = th.cat([items, whole.unsqueeze(1).expand_as(items)], dim=-1)
        hidden = {"pair": pairs, "choice": pairs, "item": of_item, "node": of_node, "whole": whole}
        parts = [
            self._block(block, head(hidden[block.kind]), tokens)
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


def _head(block: Block, width: int) -> nn.Linear:
    inputs = 2 * width if block.kind in ("node", "item") else width
    head = nn.Linear(inputs, block.width)
    nn.init.orthogonal_(head.weight, gain=HEAD_GAIN)
    nn.init.zeros_(head.bias)
    return head


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
        mean_item = items.mean(1)  # over all slots, so that the number of items matters
        parts = [mean_item, nodes.mean(1), nodes.amax(1), tokens["context"]]
        return self.value(self.whole(th.cat(parts, dim=-1)))


class SetNetworks(nn.Module):
    """Actor and critic behind the interface of MlpExtractor."""

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
