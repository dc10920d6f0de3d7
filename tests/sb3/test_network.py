"""The set network's symmetries, over random sets, and its ability to take sets of any size."""

import pytest
import torch as th

from edge_llm_gym.sb3.encoder import MIXERS
from edge_llm_gym.sb3.layouts import Block, flat_size
from edge_llm_gym.sb3.network import Actor, Critic, SetNetwork

WIDTH = 8


def sets(rows: int, items: int, nodes: int, seed: int = 0) -> dict[str, th.Tensor]:
    """Random sets, the last third of the items of every row but the first one masked out."""
    generator = th.Generator().manual_seed(seed)

    def draw(*shape):
        return th.randn(shape, generator=generator)

    mask = th.ones(rows, items)
    mask[1:, items - items // 3 :] = 0
    tokens = {"item": draw(rows, items, 5), "node": draw(rows, nodes, 4), "pair": draw(rows, items, nodes, 6)}
    pair_mask = mask.unsqueeze(2).expand(rows, items, nodes)
    return tokens | {"item_mask": mask, "pair_mask": pair_mask, "context": draw(rows, 3)}


def shapes(tokens: dict[str, th.Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(array.shape[1:]) for key, array in tokens.items()}


def permuted(tokens: dict[str, th.Tensor], items: th.Tensor, nodes: th.Tensor) -> dict[str, th.Tensor]:
    moved = dict(tokens)
    for key in ("item", "item_mask", "pair", "pair_mask"):
        moved[key] = moved[key][:, items]
    moved["node"] = moved["node"][:, nodes]
    for key in ("pair", "pair_mask"):
        moved[key] = moved[key][:, :, nodes]
    return moved


def actor(tokens: dict[str, th.Tensor], *kinds: str, mixer: str = "pool") -> Actor:
    th.manual_seed(1)
    made = Actor(shapes(tokens), SetNetwork(tuple(Block(kind) for kind in kinds), WIDTH, mixer), bound=4.0)
    for parameter in made.parameters():  # heads start near zero: large weights show broken symmetries
        th.nn.init.normal_(parameter, std=0.5)
    return made


@pytest.mark.parametrize("mixer", MIXERS)
def test_scores_are_equivariant_to_permutations(mixer):
    tokens = sets(3, 7, 4)
    network = actor(tokens, "pair", "node", "item", mixer=mixer)
    items, nodes = th.randperm(7), th.randperm(4)
    pairs, of_nodes, of_items = network(tokens).split([28, 4, 7], dim=1)
    moved = network(permuted(tokens, items, nodes)).split([28, 4, 7], dim=1)
    th.testing.assert_close(moved[0].view(3, 7, 4), pairs.view(3, 7, 4)[:, items][:, :, nodes], atol=1e-5, rtol=1e-4)
    th.testing.assert_close(moved[1], of_nodes[:, nodes], atol=1e-5, rtol=1e-4)
    th.testing.assert_close(moved[2], of_items[:, items], atol=1e-5, rtol=1e-4)
    assert pairs.std() > 0.01  # otherwise the comparison would be vacuous


def test_the_value_is_invariant_to_permutations():
    tokens = sets(3, 7, 4)
    critic = Critic(shapes(tokens), WIDTH)
    moved = permuted(tokens, th.randperm(7), th.randperm(4))
    th.testing.assert_close(critic(moved), critic(tokens), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("mixer", MIXERS)
def test_masked_items_do_not_affect_the_others(mixer):
    tokens = sets(3, 6, 2)
    network = actor(tokens, "pair", "node", mixer=mixer)
    before = network(tokens)
    tokens["item"] = tokens["item"] + 5.0 * (1 - tokens["item_mask"]).unsqueeze(2)
    tokens["pair"] = tokens["pair"] + 5.0 * (1 - tokens["pair_mask"]).unsqueeze(3)
    after = network(tokens)
    shown = th.cat([tokens["pair_mask"].flatten(1), th.ones(3, 2)], dim=1) > 0
    th.testing.assert_close(after[shown], before[shown], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("mixer", MIXERS)
def test_the_same_weights_take_sets_of_any_size(mixer):
    small, large = sets(2, 4, 2), sets(2, 9, 5)
    one, other = (actor(tokens, "pair", "node", mixer=mixer) for tokens in (small, large))
    other.load_state_dict(one.state_dict())
    assert other(large).shape == (2, flat_size(one.blocks, (9, 5))) == (2, 50)
    assert th.equal(one(small), other(small))


def test_outputs_are_finite_for_an_empty_queue():
    tokens = sets(2, 6, 2)
    tokens["item_mask"] = th.zeros_like(tokens["item_mask"])
    tokens["pair_mask"] = th.zeros_like(tokens["pair_mask"])
    for mixer in MIXERS:
        assert th.isfinite(actor(tokens, "pair", mixer=mixer)(tokens)).all()
    assert th.isfinite(Critic(shapes(tokens), WIDTH)(tokens)).all()


def test_choosing_no_node_has_logit_zero():
    tokens = sets(2, 6, 3)
    th.manual_seed(1)
    network = Actor(shapes(tokens), SetNetwork((Block("choice"),), WIDTH, prior=False), bound=None)
    logits = network(tokens).view(2, 6, 4)
    assert (logits[..., 0] == 0).all()
    assert logits[..., 1:].std() > 0


def test_an_untrained_actor_with_a_prior_ranks_as_the_prior_does():
    tokens = sets(2, 6, 3)
    th.manual_seed(1)
    network = Actor(shapes(tokens), SetNetwork((Block("pair"),), WIDTH), bound=4.0)
    scores, prior = network(tokens).flatten(), tokens["pair"][..., 0].flatten()
    assert th.corrcoef(th.stack([scores, prior]))[0, 1] > 0.9
