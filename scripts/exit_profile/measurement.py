"""Measures the rows of an exit profile: the record, and the task "bytes", in which a row is one predicted byte."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from exit_profile.corpus import Corpus
from exit_profile.model import MultiExitTransformer
from exit_profile.training import windows

STRIDE = 2
"""Every second byte of the second half of a window gives a row: all are predicted from at least half a context."""
WINDOWS_AT_ONCE = 16
LEVELS = 2**14
"""Confidences are rounded to multiples of 1 / LEVELS, which float32 holds exactly and which compresses well."""


@dataclass(frozen=True)
class Answers:
    """Rows of a profile, and the mean loss [E] per token of held-out text in nats."""

    confidence: NDArray[np.float32]
    correct: NDArray[np.bool_]
    loss: NDArray[np.float32]


def measure_bytes(model: MultiExitTransformer, corpus: Corpus, rows: int, seed: int, device: str = "cpu") -> Answers:
    """Confidence (largest softmax probability) and correctness (is it the next byte?) at each exit, for ``rows`` bytes.

    The windows are drawn with the seed, and the rows are shuffled, so that any part of the table is a random sample.
    """
    rng = np.random.default_rng(seed)
    context = model.shape.context
    per_window = len(range(context)[context // 2 :: STRIDE])
    count = -(-rows // per_window)
    parts = [
        _answers(model, windows(corpus.held_out, min(WINDOWS_AT_ONCE, count - done), context, rng).to(device))
        for done in range(0, count, WINDOWS_AT_ONCE)
    ]
    kept = rng.permutation(count * per_window)[:rows]
    confidence, correct, loss = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Answers(rounded(confidence[kept]), correct[kept], loss[kept].mean(axis=0))


def rounded(confidence: NDArray) -> NDArray[np.float32]:
    """Confidences as multiples of 1 / LEVELS."""
    return (np.round(confidence * LEVELS) / LEVELS).astype(np.float32)


@torch.no_grad()
def _answers(model: MultiExitTransformer, batch: torch.Tensor) -> tuple[NDArray, NDArray, NDArray]:
    """Confidence, correctness and loss, each [rows, E], in some windows."""
    later = slice(model.shape.context // 2, None, STRIDE)
    target = batch[:, 1:][:, later].flatten()
    logs = torch.stack([each[:, later].flatten(0, 1).log_softmax(-1) for each in model(batch[:, :-1])], dim=1)
    best, answer = logs.max(dim=-1)
    loss = -logs.gather(2, target[:, None, None].expand(-1, logs.shape[1], 1)).squeeze(2)
    return best.exp().cpu().numpy(), (answer == target[:, None]).cpu().numpy(), loss.cpu().numpy()
