"""Rotary position embedding (Su et al., "RoFormer", 2021)."""

import torch as th

BASE = 10_000.0


def rotation_table(tokens: int, head_dim: int, like: th.Tensor) -> th.Tensor:
    """Cosines and sines of every position [2, tokens, head dimension / 2], with device and dtype of ``like``."""
    pairs = th.arange(head_dim // 2, dtype=th.float32, device=like.device)
    positions = th.arange(tokens, dtype=th.float32, device=like.device)
    angles = th.outer(positions, BASE ** (-2.0 * pairs / head_dim))
    return th.stack([angles.cos(), angles.sin()]).to(like.dtype)


def rotate(vectors: th.Tensor, table: th.Tensor) -> th.Tensor:
    """Vectors [..., tokens, head dimension] turned by the angles of a table [2, tokens, head dimension / 2]."""
    cos, sin = table
    first, second = vectors.chunk(2, dim=-1)
    return th.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)
