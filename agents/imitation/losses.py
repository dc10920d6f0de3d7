"""Imitation losses, one per codec, and the loss of offload weights and thresholds where a codec has them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import torch as th
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.policies import ActorCriticPolicy
from torch.nn import functional

from edge_llm_gym.codecs.codec import existing_links
from edge_llm_gym.codecs.parameters import SPAN
from edge_llm_gym.decoding.pair_features import PAIR_FEATURES
from edge_llm_gym.features.tokens import KEYS
from edge_llm_gym.scenario import Scenario

Tokens = Mapping[str, th.Tensor]
Actor = ActorCriticPolicy | MaskableActorCriticPolicy
NO_RIVAL = -30.0
"""Logit of a pair that does not compete."""
FEASIBLE = PAIR_FEATURES.index("feasible")
Loss = Callable[[Actor, dict[str, th.Tensor], th.Tensor], th.Tensor]
"""(policy, tokens [B, ...], flat labels [B, ...]) -> scalar."""

SHARPNESS = 8.0
"""Scores in [-1, 1] times this are the logits of choosing; choosing no node has logit 0."""
LEAST_WEIGHT = 1e-3
"""Lower bound on an offload weight whose logarithm is taken."""


@dataclass(frozen=True)
class Terms:
    """What a loss depends on beside policy and labels; a loss that has no such term ignores it."""

    waiting_weight: float = 1.0
    """Weight of requests that wait; others weigh 1."""
    links: th.Tensor | None = None
    """[S, K] bool links, where a flat action ends in offload weights [S, K] and thresholds [K]; None without these."""


def make_loss(codec: str, scenario: Scenario, waiting_weight: float) -> Loss:
    """The loss of a codec in a scenario. Raises KeyError for a codec without one."""
    links = None if scenario.dynamics == "batching" else th.as_tensor(existing_links(scenario))
    return partial(LOSSES[codec], terms=Terms(waiting_weight, links))


def mean_action(policy: Actor, tokens: dict[str, th.Tensor]) -> th.Tensor:
    """[B, A] centre of a policy's distribution over a Box."""
    distribution: Any = policy.get_distribution(tokens).distribution
    return distribution.mean


def ranking_loss(policy: Actor, tokens: dict[str, th.Tensor], labels: th.Tensor, terms: Terms) -> th.Tensor:
    """Weighted cross-entropy of each request's choice among waiting and the nodes, plus `number_loss` of the rest.

    A request whose label has no positive score waits and has the weight of those, one that joins a node has weight 1: a
    decoder that keeps batches feasible corrects too many positive scores by their order, but not too few. Scores that
    rank every pair of the expert above the others decode to the expert's action.
    """
    mask = tokens["pair_mask"]
    rows, items, nodes = mask.shape
    mean = mean_action(policy, tokens)
    pairs = items * nodes
    scores, wanted = (part[:, :pairs].view(rows, items, nodes) for part in (mean, labels))
    logits = functional.pad(SHARPNESS * scores, (1, 0))
    choice = functional.pad(wanted, (1, 0)).argmax(-1)
    per_item = functional.cross_entropy(logits.flatten(0, 1), choice.flatten(), reduction="none").view(rows, items)
    weight = tokens["item_mask"] * th.where(choice == 0, terms.waiting_weight, 1.0)
    loss = (per_item * weight).sum() / weight.sum().clamp(min=1.0)
    loss = loss + outranking_loss(SHARPNESS * scores, wanted > 0, tokens["pair"][..., FEASIBLE] > 0)
    return loss + number_loss(mean[:, pairs:], labels[:, pairs:], terms.links) if mean.shape[1] > pairs else loss


def outranking_loss(logits: th.Tensor, joined: th.Tensor, feasible: th.Tensor) -> th.Tensor:
    """Loss of the pairs that the expert joins against the pairs that compete with them; all [B, L, K].

    A pair competes with the feasible pairs of the same node and of the same request that the expert does not join: in
    greedy insertion any of those may replace it. The loss of a pair is -log of its softmax among them.
    """
    rivals = logits.masked_fill(joined | ~feasible, NO_RIVAL)
    of_node, of_item = (rivals.logsumexp(dim, keepdim=True).expand_as(logits) for dim in (1, 2))
    strongest = th.logaddexp(of_node, of_item)
    per_pair = functional.softplus(strongest - logits)
    return (per_pair * joined).sum() / joined.sum().clamp(min=1)


def squared_loss(policy: Actor, tokens: dict[str, th.Tensor], labels: th.Tensor, terms: Terms) -> th.Tensor:
    """`number_loss` of a Box action; all requests have the same weight."""
    return number_loss(mean_action(policy, tokens), labels.flatten(1), terms.links)


def number_loss(mean: th.Tensor, labels: th.Tensor, links: th.Tensor | None) -> th.Tensor:
    """Mean squared error of numbers [B, A]; with links [S, K] bool the last S * K + K are offload and thresholds.

    Three means are added then: the squared errors of the other numbers, the divergences of the offload shares and the
    squared errors of the thresholds. There are many more weights than thresholds, most of them of links that do not
    exist, so that one mean over all of them would leave the thresholds to chance.
    """
    if links is None:
        return functional.mse_loss(mean, labels)
    senders, nodes = links.shape
    sizes = [mean.shape[1] - (senders + 1) * nodes, senders * nodes, nodes]
    others, offload, threshold = zip(*(th.split(numbers, sizes, dim=1) for numbers in (mean, labels)), strict=True)
    weights, wanted = (part.view(-1, senders, nodes) for part in offload)
    loss = share_loss(weights, wanted, links) + functional.mse_loss(*threshold)
    return loss + functional.mse_loss(*others) if sizes[0] else loss


def share_loss(weights: th.Tensor, wanted: th.Tensor, links: th.Tensor) -> th.Tensor:
    """Mean Kullback-Leibler divergence of a sender's shares from the expert's, for signed weights [B, S, K].

    Only proportions matter to the environment, and only those of links that exist, `links` [S, K] bool.
    """
    choosing = links.sum(1) > 1
    weight, target = (links[choosing] * (signed[:, choosing].clamp(-1, 1) + 1) / 2 for signed in (weights, wanted))
    weight = weight + LEAST_WEIGHT * links[choosing]
    target = target / target.sum(2, keepdim=True).clamp(min=LEAST_WEIGHT)
    log_share = (weight.clamp(min=LEAST_WEIGHT) / weight.sum(2, keepdim=True)).log()
    return (target * (target.clamp(min=LEAST_WEIGHT).log() - log_share)).sum(2).mean()


def likelihood_loss(policy: Actor, tokens: dict[str, th.Tensor], labels: th.Tensor, terms: Terms) -> th.Tensor:
    """Negative logarithm of the probability of the expert's discrete action; all requests have the same weight."""
    return -policy.get_distribution(tokens).log_prob(labels).mean()


def price_loss(policy: Actor, tokens: dict[str, th.Tensor], labels: th.Tensor, terms: Terms) -> th.Tensor:
    """Weighted mean square of the errors of predicted gains, relative to the squared standard errors of the labels.

    Labels [B, C, 2] are the gain of each action's mean return over that of the first one, and its standard error. All
    weigh 1 where all standard errors are 0, as in states without requests.
    `agents.imitation.lookahead` says what the tokens hold besides. A request that waits has no weight of its own.
    """
    net = net_prices(mean_action(policy, {key: tokens[key] for key in KEYS}), tokens)
    (gain, error), predicted = labels.unbind(-1), net - net[:, :1]
    noise = error.square()
    mean = noise.mean()
    weight = 1.0 / (noise + th.where(mean > 0.0, mean, 1.0))
    return (weight * (predicted - gain).square()).mean()


def net_prices(mean: th.Tensor, tokens: Tokens) -> th.Tensor:
    """[B, C] net value of the batches in the tokens under prices that are corrected by flat actions [B, N * K + K]."""
    rows, items, nodes = tokens["price"].shape
    factor = th.exp(SPAN * mean)
    price = functional.pad(tokens["price"] * factor[:, : items * nodes].view(rows, items, nodes), (1, 0))
    node = tokens["batches"].long().unsqueeze(-1)
    of_pair = price.unsqueeze(1).expand(-1, node.shape[1], -1, -1).gather(3, node).squeeze(-1)
    node_time_price = tokens["node_time_price"] * factor[:, items * nodes :]
    return of_pair.sum(2) - (tokens["overtime_s"] * node_time_price.unsqueeze(1)).sum(2)


LOSSES: Final[Mapping[str, Callable[..., th.Tensor]]] = MappingProxyType(
    {
        "priority": ranking_loss,
        "multidiscrete": likelihood_loss,
        "box": squared_loss,
        "priced": squared_loss,
        "prices": price_loss,
    }
)
"""Codec -> loss of (policy, tokens, labels, terms)."""
