"""The rows of the task "bytes"."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest


def test_measuring_a_model_that_repeats_the_last_byte(part: Any, small: Any) -> None:
    """On "aab" repeated the next byte equals the last one at a third of the positions; its logit is known."""
    torch = pytest.importorskip("torch")

    class Repeater(torch.nn.Module):
        shape = small

        def forward(self, text: Any) -> list[Any]:
            sure = torch.nn.functional.one_hot(text, 256).float()
            return [2.0 * sure, 8.0 * sure]

    text, rows = np.frombuffer(b"aab" * 2000, np.uint8), 3000
    corpus = SimpleNamespace(held_out=text)
    answers = part("measurement").measure_bytes(Repeater(), corpus, rows, seed=0)
    assert answers.correct.shape == answers.confidence.shape == (rows, 2)
    assert answers.correct.mean(axis=0) == pytest.approx([1 / 3, 1 / 3], abs=0.02)
    logits = np.array([2.0, 8.0])
    confidence = np.exp(logits) / (np.exp(logits) + 255)
    assert np.abs(answers.confidence - confidence).max() < 1 / 2**14
    right = answers.correct.mean(axis=0)
    loss = np.log(np.exp(logits) + 255) - right * logits
    assert answers.loss == pytest.approx(loss, rel=1e-4)
