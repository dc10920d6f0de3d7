"""The logits of a transformer in NumPy, token by token and head by head; shares no code with the package."""

import numpy as np


def logits_by_hand(weights, shape, tokens):
    """Logits float64 [vocabulary] after a sequence of tokens, from a dictionary of weights by their names."""
    hidden = [weights["embedding.weight"][token] for token in tokens]
    for layer in range(shape.layers):
        own = {name.split(".", 2)[2]: value for name, value in weights.items() if name.startswith(f"layers.{layer}.")}
        mixed = attention([norm(x, own, "before_attention", shape) for x in hidden], own, shape)
        hidden = [x + y for x, y in zip(hidden, mixed, strict=True)]
        hidden = [x + feed_forward(norm(x, own, "before_feed_forward", shape), own, shape) for x in hidden]
    head = weights["embedding.weight" if shape.tied_head else "head.weight"]
    return head @ norm(hidden[-1], weights, "norm", shape)


def norm(x, weights, name, shape):
    if shape.gated:
        return x / np.sqrt(np.mean(x**2) + 1e-5) * weights[f"{name}.weight"]
    centred = (x - x.mean()) / np.sqrt(x.var() + 1e-5)
    return centred * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def attention(inputs, weights, shape):
    width, queries = shape.head_dim, shape.heads * shape.head_dim
    outputs = []
    packed = [weights["attention.qkv.weight"] @ x for x in inputs]
    for position, own in enumerate(packed):
        heads = []
        for head in range(shape.heads):
            group = head // (shape.heads // shape.kv_heads)
            key_at = queries + group * width
            value_at = key_at + shape.kv_heads * width
            query = turned(own[head * width : (head + 1) * width], position, shape)
            seen = range(position + 1)
            keys = [turned(packed[other][key_at : key_at + width], other, shape) for other in seen]
            weight = np.exp([query @ key / np.sqrt(width) for key in keys])
            values = [packed[other][value_at : value_at + width] for other in seen]
            heads.append(weight @ np.array(values) / weight.sum())
        outputs.append(weights["attention.out.weight"] @ np.concatenate(heads))
    return outputs


def turned(vector, position, shape):
    """Rotary positions: pairs (j, j + D/2) as complex numbers, turned by position / 10000^(2 j / D)."""
    if not shape.gated:
        return vector
    half = len(vector) // 2
    turn = np.exp(1j * position / 10_000 ** (2 * np.arange(half) / len(vector)))
    pairs = (vector[:half] + 1j * vector[half:]) * turn
    return np.concatenate([pairs.real, pairs.imag])


def feed_forward(x, weights, shape):
    inner = weights["feed_forward.inner.weight"] @ x
    if not shape.gated:
        return weights["feed_forward.outer.weight"] @ np.maximum(inner, 0)
    gate, value = inner[: shape.d_ff], inner[shape.d_ff :]
    return weights["feed_forward.outer.weight"] @ (gate / (1 + np.exp(-gate)) * value)
