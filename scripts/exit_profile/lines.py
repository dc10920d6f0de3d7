"""The task "lines": a row is the rest of a line of code, generated with all its tokens at one exit."""

import numpy as np
import torch
from numpy.typing import NDArray

from exit_profile.corpus import SEPARATOR, Corpus, CorpusError
from exit_profile.generation import generate
from exit_profile.measurement import Answers, rounded
from exit_profile.model import MultiExitTransformer
from exit_profile.training import Text, exit_losses, windows

SHORTEST, LONGEST = 2, 12
"""Tokens of the rest of a line, line end included; an answer is cut after LONGEST tokens."""
ROWS_AT_ONCE = 128
LOSS_WINDOWS = 64
SMALLEST_CONTEXT = 4 * LONGEST


def prompt_tokens(context: int) -> int:
    """Tokens before an answer: three quarters of the context, so that an answer fits into the rest."""
    return context * 3 // 4


def measure_lines(model: MultiExitTransformer, corpus: Corpus, rows: int, seed: int, device: str = "cpu") -> Answers:
    """Confidence and correctness of ``rows`` answers at each exit; places are drawn with the seed, none twice.

    An answer is correct if it equals the rest of the line, line end included. Its confidence is the geometric mean of
    the probabilities of its tokens. The loss is that of all tokens in random windows. Raises `CorpusError` if the
    held-out text has too few places.
    """
    rng = np.random.default_rng(seed)
    prompt = prompt_tokens(model.shape.context)
    places = line_places(corpus.held_out, corpus.newline, prompt)
    if places.size < rows:
        raise CorpusError(f"the held-out text has {places.size} places in a line, got --rows {rows}: give fewer rows")
    chosen = rng.choice(places, rows, replace=False)
    text = corpus.held_out[chosen[:, None] + np.arange(-prompt, LONGEST)].astype(np.int64)
    parts = [
        _answers(model, text[done : done + ROWS_AT_ONCE], prompt, corpus.newline, device)
        for done in range(0, rows, ROWS_AT_ONCE)
    ]
    confidence, correct = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Answers(rounded(confidence), correct, _held_out_loss(model, corpus.held_out, rng, device))


def line_places(text: Text, newline: int, prompt: int) -> NDArray[np.int64]:
    """Indices of tokens from which SHORTEST to LONGEST tokens remain in the line, line end included.

    Before each lie at least ``prompt`` tokens of the same file, and LONGEST tokens follow in the text.
    """
    index = np.arange(prompt, max(prompt, text.size - LONGEST + 1))
    ends = np.flatnonzero(text == newline)
    following = np.append(ends, text.size + LONGEST)  # behind the last line end no place is near enough
    end = following[np.searchsorted(ends, index)]
    rest = end - index + 1
    separators = np.concatenate(([0], np.cumsum(text == SEPARATOR)))
    within = separators[np.minimum(end, text.size)] == separators[index - prompt]
    return index[(rest >= SHORTEST) & (rest <= LONGEST) & within]


def grade(
    tokens: NDArray[np.int64], logs: NDArray[np.float32], line: NDArray[np.int64], newline: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Confidence [M] and correctness [M] of generated ``tokens`` with logarithms of their probabilities, both [M, L].

    An answer ends with its first line end, or after L tokens. ``line`` [M, L] is the text that follows in the file.
    """
    ends_before = np.cumsum(tokens == newline, axis=1) - (tokens == newline)
    inside = ends_before == 0
    confidence = np.exp(np.where(inside, logs, 0.0).sum(axis=1) / inside.sum(axis=1))
    return confidence, ((tokens == line) | ~inside).all(axis=1)


def _answers(
    model: MultiExitTransformer, text: NDArray[np.int64], prompt: int, newline: int, device: str
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Confidence and correctness [M, E] for ``text`` [M, prompt + LONGEST]."""
    asked = torch.from_numpy(text[:, :prompt]).to(device)
    columns = []
    for exit_index in range(model.shape.exits):
        tokens, logs = generate(model, exit_index, asked, LONGEST)
        columns.append(grade(tokens.cpu().numpy(), logs.cpu().numpy(), text[:, prompt:], newline))
    confidence, correct = zip(*columns, strict=True)
    return np.stack(confidence, axis=1), np.stack(correct, axis=1)


@torch.no_grad()
def _held_out_loss(
    model: MultiExitTransformer, text: Text, rng: np.random.Generator, device: str
) -> NDArray[np.float32]:
    batch = windows(text, LOSS_WINDOWS, model.shape.context, rng).to(device)
    losses = [exit_losses(model(one[:, :-1]), one[:, 1:]) for one in batch[:, None]]
    return torch.stack(losses).mean(dim=0).cpu().numpy()
