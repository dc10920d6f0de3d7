"""FLOPs, KV-cache bytes and batch time of requests; every function takes scalars or arrays and broadcasts.

`edge_llm_gym.models.cost_models` converts them to seconds on a device.

A request has ``prompt`` tokens s and ``output`` tokens n. The prefill produces the first output token, so n - 1
decode steps follow; step j attends to s + j tokens. An empty slot, (0, 0), costs nothing.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_llm_gym.models.llm import ModelShape
from edge_llm_gym.units import bits_to_bytes

FloatArray = NDArray[np.float64]


class TokenWork(NamedTuple):
    """Token counts of requests, and what follows from them for any model; arrays of one shape, float64."""

    prompt: FloatArray
    output: FloatArray
    steps: FloatArray
    """Decode steps n - 1, 0 for an empty request."""
    context: FloatArray
    """Tokens attended to, summed over the decode steps j = 1..n-1: the sum of s + j."""


def token_work(prompt: ArrayLike, output: ArrayLike) -> TokenWork:
    """The token work of requests. Raises ValueError for a number of tokens that is negative or NaN."""
    s, n = _tokens("prompt", prompt), _tokens("output", output)
    steps = np.maximum(n - 1, 0.0)
    return TokenWork(s, n, steps, steps * (s + (steps + 1) / 2))


def layer_flops(shape: ModelShape, prompt: ArrayLike, output: ArrayLike) -> FloatArray:
    """FLOPs of one layer for prefill and decode; a multiply-add counts as 2.

    Every token is multiplied with every matrix once: 2 FLOPs per element. Scores and values cost 4 heads head_dim per
    pair of a token and a token it attends to: s^2 pairs in the prefill (kernels compute the full square, then mask)
    and s + j in decode step j. Without grouped queries and gate, and with heads head_dim = d, this is
    8 s d^2 + 4 s^2 d + 4 s d d_ff + (n - 1)[8 d^2 + 4 d (s + n/2) + 4 d d_ff].

    Raises ValueError for a number of tokens that is negative or NaN.
    """
    work = token_work(prompt, output)
    decode = layer_token_flops(shape) * work.steps + layer_context_flops(shape) * work.context
    return layer_prefill_flops(shape, work.prompt) + decode


def layer_prefill_flops(shape: ModelShape, prompt: ArrayLike) -> FloatArray:
    """FLOPs of one layer for the prefill of ``prompt`` tokens s: 2 P s + 4 heads head_dim s^2, with P parameters."""
    s = _tokens("prompt", prompt)
    return layer_token_flops(shape) * s + layer_context_flops(shape) * s * s


def layer_token_flops(shape: ModelShape) -> float:
    """FLOPs of one layer for a token, without attention: 2 for each element of its matrices."""
    return 2.0 * shape.layer_parameters


def layer_context_flops(shape: ModelShape) -> float:
    """FLOPs of one layer for each token that a token attends to: scores and values, 2 heads head_dim each."""
    return 4.0 * shape.query_dim


def head_flops(shape: ModelShape, output: ArrayLike) -> FloatArray:
    """FLOPs of the output head: 2 d V per output token."""
    return 2 * shape.head_parameters * _tokens("output", output)


def request_flops(
    shape: ModelShape, prompt: ArrayLike, output: ArrayLike, *, head: bool = True, pad_to: int | None = None
) -> FloatArray:
    """FLOPs of a request through all layers, with the output head unless ``head`` is False.

    ``pad_to`` pads every prompt to that length, as in static batching; raises ValueError for a longer prompt.
    """
    length = prompt if pad_to is None else _padded(prompt, pad_to)
    body = shape.layers * layer_flops(shape, length, output)
    return body + head_flops(shape, output) if head else body


def kv_bytes(shape: ModelShape, prompt: ArrayLike, output: ArrayLike, kv_bits: float) -> FloatArray:
    """Bytes of KV cache to reserve for s + n tokens (including the last output token, which is never fed back)."""
    return kv_bytes_per_token(shape, kv_bits) * (_tokens("prompt", prompt) + _tokens("output", output))


def kv_read_bytes(shape: ModelShape, prompt: ArrayLike, output: ArrayLike, kv_bits: float) -> FloatArray:
    """Bytes of KV cache read while decoding: the sum over j = 1..n-1 of s + j tokens, that is (n - 1)(s + n/2)."""
    return kv_bytes_per_token(shape, kv_bits) * token_work(prompt, output).context


def _tokens(name: str, count: ArrayLike) -> FloatArray:
    tokens = np.asarray(count, dtype=np.float64)
    if tokens.size and not tokens.min() >= 0:  # NaN fails too
        raise ValueError(f"{name} tokens must be zero or more, got {count!r}; correct the token counts")
    return tokens


def _padded(prompt: ArrayLike, pad_to: int) -> FloatArray:
    longest = np.max(prompt, initial=0)
    if longest > pad_to:
        raise ValueError(
            f"prompts are padded to {pad_to} tokens but one has {longest}: increase pad_to or shorten the prompt"
        )
    return np.full(np.shape(prompt), float(pad_to))


def kv_bytes_per_token(shape: ModelShape, kv_bits: float) -> float:
    """Bytes of KV cache of one token in all layers, with `kv_bits` per element."""
    return bits_to_bytes(float(shape.kv_elements_per_token * kv_bits))


def batch_time_s(work_s: ArrayLike, shared_s: ArrayLike) -> float:
    """Time of a static batch: the sum of its requests' work plus the largest shared time; 0 for an empty batch."""
    return float(np.sum(work_s) + np.max(shared_s, initial=0.0))
