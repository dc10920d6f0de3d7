"""The rows of the task "lines": places, grading, answers of a model whose rules are known."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

NEWLINE = 1
LINE = [2, 3, 4, 5, NEWLINE]


def test_places_are_those_found_token_by_token(part: Any) -> None:
    lines, prompt = part("lines"), 9
    for seed in range(20):
        text = np.random.default_rng(seed).choice([0, NEWLINE, 2, 3], 400, p=[0.02, 0.12, 0.43, 0.43]).astype(np.uint16)
        expected = []
        for place in range(prompt, text.size - 12 + 1):
            rest = text[place:].tolist()
            length = rest.index(NEWLINE) + 1 if NEWLINE in rest else 99
            if 2 <= length <= 12 and 0 not in text[place - prompt : place + length]:
                expected.append(place)
        assert len(expected) > 10
        assert lines.line_places(text, NEWLINE, prompt).tolist() == expected


def test_a_text_shorter_than_a_prompt_or_without_a_line_end_has_no_places(part: Any) -> None:
    places = part("lines").line_places
    assert places(np.array([2, 3, NEWLINE], np.uint16), NEWLINE, 9).size == 0
    assert places(np.full(100, 2, np.uint16), NEWLINE, 9).size == 0


def test_grades_by_hand(part: Any) -> None:
    """The line is 7 8 end; what comes after the first line end of an answer does not count."""
    answers = {
        (7, 8, 1, 5): (True, [0.5, 0.5, 0.25]),
        (7, 8, 1, 1): (True, [0.5, 0.5, 0.25]),
        (7, 9, 1, 1): (False, [0.5, 0.5, 0.25]),
        (7, 1, 8, 1): (False, [0.5, 0.5]),
        (1, 8, 1, 5): (False, [0.5]),
        (7, 8, 8, 8): (False, [0.5, 0.5, 0.25, 0.125]),
    }
    tokens, logs = np.array(list(answers)), np.log(np.tile([0.5, 0.5, 0.25, 0.125], (len(answers), 1)))
    line = np.tile([7, 8, 1, 5], (len(answers), 1))
    confidence, correct = part("lines").grade(tokens, logs, line, NEWLINE)
    assert correct.tolist() == [right for right, _ in answers.values()]
    expected = [np.prod(probabilities) ** (1 / len(probabilities)) for _, probabilities in answers.values()]
    assert confidence == pytest.approx(expected)


def _known_model(part: Any) -> Any:
    """A model with two exits on lines 2 3 4 5 end: the second knows the order, the first says 5 after 3.

    The logit of the token that follows t is t + 1, all others are 0.
    """
    torch = pytest.importorskip("torch")
    follows = torch.tensor([[0, 2, 3, 5, 5, 1, 0, 0], [0, 2, 3, 4, 5, 1, 0, 0]])

    class Known:
        shape = part("model").Shape(layers=2, exits=2, context=48, vocabulary=8)

        def __call__(self, text: Any) -> list[Any]:
            return [torch.nn.functional.one_hot(row[text], 8) * (text + 1.0)[..., None] for row in follows]

        def next_logits(self, exit_index: int, text: Any, past: Any) -> Any:
            return self(text)[exit_index][:, -1]

    return Known()


def _probability(token: int) -> float:
    """Probability that the known model gives to the token that it takes for the next after a token."""
    return float(np.exp(token + 1) / (np.exp(token + 1) + 7))


def test_answers_of_a_model_with_a_known_fault(part: Any) -> None:
    """All places of the text: a quarter each before 2, 3, 4 and 5. The first exit is right only before 5."""
    lines = part("lines")
    text = np.array([0, *LINE * 60], np.uint16)
    corpus = SimpleNamespace(held_out=text, newline=NEWLINE)
    places = lines.line_places(text, NEWLINE, 36)
    answers = lines.measure_lines(_known_model(part), corpus, places.size, seed=0)
    starts = [np.count_nonzero(text[places] == token) for token in (2, 3, 4, 5)]
    assert answers.correct.sum(axis=0).tolist() == [starts[3], places.size]
    after = {token: [LINE[index - 1] for index in range(index_of, 5)] for index_of, token in enumerate((2, 3, 4, 5))}
    expected = [np.prod([_probability(t) for t in before]) ** (1 / len(before)) for before in after.values()]
    values, counts = np.unique(answers.confidence[:, 1], return_counts=True)
    order = np.argsort(expected)
    assert values == pytest.approx(np.array(expected)[order], abs=1 / 2**14)
    assert counts.tolist() == np.array(starts)[order].tolist()
    right = answers.confidence[answers.correct[:, 0], 0]
    assert right == pytest.approx(np.sqrt(_probability(4) * _probability(5)), abs=1 / 2**14)
    entropy = -np.mean([np.log(_probability(token)) for token in LINE])
    assert answers.loss[1] == pytest.approx(entropy, abs=0.02)
    assert answers.loss[0] > entropy + 0.5


def test_rows_repeat_with_their_seed(part: Any) -> None:
    corpus = SimpleNamespace(held_out=np.array([0, *LINE * 60], np.uint16), newline=NEWLINE)
    first, again, other = (part("lines").measure_lines(_known_model(part), corpus, 50, seed) for seed in (0, 0, 1))
    assert np.array_equal(first.confidence, again.confidence)
    assert not np.array_equal(first.confidence, other.confidence)


def test_more_rows_than_places_are_an_error(part: Any) -> None:
    corpus = SimpleNamespace(held_out=np.array([0, *LINE * 10], np.uint16), newline=NEWLINE)
    with pytest.raises(part("corpus").CorpusError, match=r"has \d+ places in a line, got --rows 99: give fewer rows"):
        part("lines").measure_lines(_known_model(part), corpus, 99, seed=0)
