"""Training: loss weights, learning rate, determinism, duration."""

from typing import Any

import numpy as np
import pytest


@pytest.mark.parametrize(("weights", "expected"), [("rising", (6 + 2 * 3 + 3 * 1) / 6), ("last_twice", 11 / 4)])
def test_deeper_losses_count_more(part: Any, weights: str, expected: float) -> None:
    torch, training = pytest.importorskip("torch"), part("training")
    weight = getattr(training, weights)(3)
    assert training.weighted_mean(torch.tensor([6.0, 3.0, 1.0]), weight).item() == pytest.approx(expected)


def test_the_learning_rate_rises_stays_and_falls_to_zero(part: Any) -> None:
    share = part("training").learning_rate_share
    assert [share(progress) for progress in (0.0, 0.015, 0.03, 0.5, 0.75, 1.0)] == pytest.approx([0, 0.5, 1, 1, 0.5, 0])


def test_training_learns_at_every_exit_and_repeats_with_its_seed(part: Any, small: Any) -> None:
    torch, training = pytest.importorskip("torch"), part("training")
    text = np.frombuffer(b"abcdefgh" * 50, np.uint8)
    first, again, longer = (
        training.train(text, small, training.Recipe(), steps, seed=3, report=lambda line: None) for steps in (5, 5, 150)
    )
    assert longer.seen_tokens == 150 * 4 * 16
    for one, two in zip(first.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, two)
    batch = training.windows(text, 8, 16, np.random.default_rng(0))
    with torch.no_grad():
        losses = training.exit_losses(longer.model(batch[:, :-1]), batch[:, 1:])
    assert losses.max() < 1.0  # knowing the bytes but not their order costs log(8) = 2.08


def test_so_many_minutes_give_more_steps_than_fewer(part: Any, small: Any) -> None:
    pytest.importorskip("torch")
    text, training = np.zeros(100, np.uint8), part("training")
    assert training.steps_within(1e-9, text, small, training.Recipe()) == 1
    assert training.steps_within(10.0, text, small, training.Recipe()) > 100


def test_a_run_on_a_gpu_trains_in_bfloat16_and_measures_both_tasks(part: Any, small: Any) -> None:
    torch, training = pytest.importorskip("torch"), part("training")
    if not torch.cuda.is_available():
        pytest.skip("PyTorch finds no CUDA device")
    text = np.tile(np.arange(1, 9, dtype=np.uint8), 200)
    shape = part("model").Shape(layers=2, exits=2, width=16, heads=2, context=48, vocabulary=256, exit_kind="adapter")
    recipe = training.Recipe(8, training.last_twice, "cuda")
    with recipe.autocast():
        assert (torch.ones(2, 2, device="cuda") @ torch.ones(2, 2, device="cuda")).dtype == torch.bfloat16
    trained = training.train(text, shape, recipe, 100, seed=0, report=lambda line: None)
    corpus = part("corpus", needs_torch=False).Corpus(text, text, (1, 1), "made up", newline=8)
    lines = part("lines").measure_lines(trained.model, corpus, 64, seed=0, device="cuda")
    assert lines.loss.max() < np.log(8)
    assert lines.confidence.shape == lines.correct.shape == (64, 2)
    assert part("measurement").measure_bytes(trained.model, corpus, 64, seed=0, device="cuda").correct.mean() > 0.5
