"""The multi-exit transformer: what each exit sees, positions, parameters, generation with a cache."""

from typing import Any

import numpy as np
import pytest


def test_no_exit_sees_a_later_byte_or_a_later_layer(part: Any, small: Any) -> None:
    torch, model = pytest.importorskip("torch"), part("model")
    torch.manual_seed(0)
    network, changed = model.MultiExitTransformer(small), 9
    text = torch.randint(0, 256, (1, 16))
    other = text.clone()
    other[0, changed] = (other[0, changed] + 1) % 256
    before, after = network(text), network(other)
    for one, two in zip(before, after, strict=True):
        assert torch.equal(one[:, :changed], two[:, :changed])
        assert not torch.allclose(one[:, changed:], two[:, changed:])
    with torch.no_grad():
        for parameter in network.layers[1:].parameters():
            parameter.zero_()
    without = network(text)
    assert torch.equal(without[0], before[0])
    assert not torch.allclose(without[1], before[1])


def test_rotated_products_depend_on_the_distance_alone(part: Any) -> None:
    torch, layers = pytest.importorskip("torch"), part("layers")
    rotation = layers.rotary_angles(12, 8)
    query, key = (torch.randn(8, generator=torch.Generator().manual_seed(seed)).expand(12, 8) for seed in (0, 1))
    product = layers.rotated(query, rotation) @ layers.rotated(key, rotation).T
    for distance in range(-11, 12):
        along = product.diagonal(distance)
        torch.testing.assert_close(along, along[:1].expand_as(along), rtol=1e-4, atol=1e-4)
    assert product[0].std() > 0.1


def test_a_shared_embedding_counts_once(part: Any) -> None:
    model = part("model")
    width, vocabulary, exits = 16, 40, 2
    layer = 12 * width**2 + 2 * width
    heads = exits * (width + width * vocabulary)
    adapters = exits * (width**2 + width + 2 * width)
    for kind, expected in (("head", heads), ("adapter", adapters)):
        shape = model.Shape(4, exits, width, 2, 16, vocabulary, kind)
        network = model.MultiExitTransformer(shape)
        assert network.parameter_count == vocabulary * width + 4 * layer + expected


@pytest.mark.parametrize("kind", ["head", "adapter"])
@pytest.mark.parametrize("exit_index", [0, 1])
def test_an_answer_is_that_of_a_model_cut_at_the_exit_without_a_cache(part: Any, kind: str, exit_index: int) -> None:
    """Token by token, from the equations, with the layers up to the exit; all later numbers are NaN."""
    torch, generation = pytest.importorskip("torch"), part("generation")
    network = _random_network(torch, part("model"), kind)
    depth = 2 * (exit_index + 1)
    with torch.no_grad():
        for later in [*network.layers[depth:], *network.exits[exit_index + 1 :]]:
            for name, parameter in later.named_parameters():
                if "embedding" not in name:
                    parameter.fill_(float("nan"))
    prompt = torch.randint(0, 40, (3, 20), generator=torch.Generator().manual_seed(1))
    tokens, logs = generation.generate(network, exit_index, prompt, 6)
    assert len(set(tokens.flatten().tolist())) > 4
    for row, text in enumerate(prompt.tolist()):
        for step in range(6):
            log_probability = _next_by_hand(torch, network, exit_index, text)
            assert tokens[row, step] == log_probability.argmax()
            assert logs[row, step].item() == pytest.approx(log_probability.max().item(), abs=1e-4)
            text.append(int(log_probability.argmax()))


def _random_network(torch: Any, model: Any, kind: str) -> Any:
    """Weights large enough that every earlier token matters."""
    torch.manual_seed(0)
    network = model.MultiExitTransformer(model.Shape(4, 2, 16, 2, 48, 40, kind))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.4)
    return network


def _next_by_hand(torch: Any, network: Any, exit_index: int, text: list[int]) -> Any:
    """[vocabulary] log-probabilities after a text, at one exit."""
    with torch.no_grad():
        hidden = network.embedding.weight[text]
        for layer in network.layers[: 2 * (exit_index + 1)]:
            hidden = _layer_by_hand(torch, layer, hidden)
        last, at_exit = hidden[-1], network.exits[exit_index]
        if network.shape.exit_kind == "head":
            return (at_exit[1].weight @ (_unit(torch, last) * at_exit[0].weight)).log_softmax(-1)
        adapted = last + at_exit.adapter.weight @ last + at_exit.adapter.bias
        centred = adapted - adapted.mean()
        normal = centred / torch.sqrt(centred.square().mean() + 1e-5) * at_exit.norm.weight + at_exit.norm.bias
        return (network.embedding.weight @ normal).log_softmax(-1)


def _layer_by_hand(torch: Any, layer: Any, hidden: Any) -> Any:
    """Attention with complex rotations and a loop over heads; each position sees itself and those before."""
    normal = _unit(torch, hidden) * layer.attention_norm.weight
    query, key, value = (normal @ layer.query_key_value.weight.T).chunk(3, dim=-1)
    mixed = []
    for head in range(2):
        part = slice(8 * head, 8 * head + 8)
        scores = (_turned(torch, query[:, part]) @ _turned(torch, key[:, part]).conj().T).real / 8**0.5
        scores = scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -torch.inf)
        mixed.append(scores.softmax(-1) @ value[:, part])
    hidden = hidden + torch.cat(mixed, dim=-1) @ layer.mix.weight.T
    norm, up, _, down = layer.feed_forward
    inner = torch.nn.functional.gelu(_unit(torch, hidden) * norm.weight @ up.weight.T)
    return hidden + inner @ down.weight.T


def _turned(torch: Any, states: Any) -> Any:
    """[time, 4] complex numbers for states [time, 8]."""
    frequency = torch.tensor(10_000.0 ** (-np.arange(4) / 4), dtype=torch.float32)
    angle = torch.arange(len(states))[:, None] * frequency
    return torch.complex(states[:, :4], states[:, 4:]) * torch.polar(torch.ones_like(angle), angle)


def _unit(torch: Any, states: Any) -> Any:
    """States divided by their root mean square."""
    return states / torch.sqrt(states.square().mean(-1, keepdim=True) + torch.finfo(torch.float32).eps)
