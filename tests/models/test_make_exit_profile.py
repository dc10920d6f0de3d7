"""The scripts behind the measured exit profile: text, model, training, measurement, calibration and pictures."""

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_llm_gym.models.exits import ExitProfile, exit_profile, parametric_profile

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts"


@pytest.fixture(scope="module")
def part() -> Iterator[Any]:
    """Imports a module of scripts/exit_profile by name; skips the test where it needs PyTorch and that is absent."""

    def load(name: str, needs_torch: bool = True) -> Any:
        if needs_torch:
            pytest.importorskip("torch", minversion="2.9")
        return importlib.import_module(f"exit_profile.{name}")

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield load


@pytest.fixture(scope="module")
def small(part: Any) -> Any:
    return part("model").Shape(layers=2, exits=2, width=16, heads=2, context=16)


def test_a_tiny_run_writes_a_valid_profile(tmp_path: Path) -> None:
    pytest.importorskip("torch", minversion="2.9")
    options = ["--steps", "20", "--heads", "1", "--rows", "512", "--out", str(tmp_path / "tiny.npz")]
    command = [sys.executable, str(SCRIPTS / "make_exit_profile.py"), *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "step 20/20" in done.stdout
    profile = exit_profile(tmp_path / "tiny.npz")
    assert (profile.name, profile.rows, profile.exits) == ("tiny", 512, 4)
    assert profile.accuracy.min() > 0.15  # a space is one byte in four
    assert "trained for 20 steps" in profile.source


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "0", "--out", "a.npz"], "--steps: must be at least 1, got 0"),
        (["--minutes", "nan", "--out", "a.npz"], "--minutes: must be positive and finite, got nan"),
        (["--out", "a.txt"], "--out: must end in .npz"),
        (["--out", "nowhere/a.npz"], "in a folder that exists, got 'nowhere/a.npz'"),
        (["--steps", "5", "--minutes", "1", "--out", "a.npz"], "not allowed with argument --steps"),
    ],
)
def test_faulty_options_are_rejected(
    part: Any, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    part("training")
    with pytest.raises(SystemExit, match="2"):
        importlib.import_module("make_exit_profile").main(arguments)
    assert message in capsys.readouterr().err


def test_tests_and_generated_files_are_left_out_and_the_rest_comes_in_order(part: Any, tmp_path: Path) -> None:
    kept = ["a.py", "json/decoder.py", "z.py"]
    left_out = ["test/a.py", "json/tests/b.py", "site-packages/c.py", "encodings/d.py", "_sysconfigdata__x.py", "e.txt"]
    for name in kept + left_out:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    found = part("corpus", needs_torch=False).source_files(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in found] == kept


def test_the_split_is_by_file_and_repeats_with_its_seed(part: Any) -> None:
    corpus = part("corpus", needs_torch=False)
    first, again, other = (corpus.read_corpus(seed) for seed in (0, 0, 1))
    assert np.array_equal(first.held_out, again.held_out)
    assert not np.array_equal(first.held_out, other.held_out)
    assert first.files[1] == -(-sum(first.files) // 10)
    separators = [int(np.count_nonzero(text == 0)) for text in (first.training, first.held_out)]
    assert separators == [count - 1 for count in first.files]


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
    torch, model = pytest.importorskip("torch"), part("model")
    rotation = model.rotary_angles(12, 8)
    query, key = (torch.randn(8, generator=torch.Generator().manual_seed(seed)).expand(12, 8) for seed in (0, 1))
    product = model.rotated(query, rotation) @ model.rotated(key, rotation).T
    for distance in range(-11, 12):
        along = product.diagonal(distance)
        torch.testing.assert_close(along, along[:1].expand_as(along), rtol=1e-4, atol=1e-4)
    assert product[0].std() > 0.1


def test_deeper_losses_count_more(part: Any) -> None:
    torch, training = pytest.importorskip("torch"), part("training")
    assert training.weighted_mean(torch.tensor([6.0, 3.0, 1.0])).item() == pytest.approx((6 + 2 * 3 + 3 * 1) / 6)


def test_the_learning_rate_rises_stays_and_falls_to_zero(part: Any) -> None:
    share = part("training").learning_rate_share
    assert [share(progress) for progress in (0.0, 0.015, 0.03, 0.5, 0.75, 1.0)] == pytest.approx([0, 0.5, 1, 1, 0.5, 0])


def test_training_learns_at_every_exit_and_repeats_with_its_seed(part: Any, small: Any) -> None:
    torch, training = pytest.importorskip("torch"), part("training")
    text = np.frombuffer(b"abcdefgh" * 50, np.uint8)
    first, again, longer = (
        training.train(text, small, steps, seed=3, report=lambda line: None) for steps in (5, 5, 150)
    )
    assert longer.seen_bytes == 150 * training.WINDOWS_PER_STEP * 16
    for one, two in zip(first.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, two)
    batch = training.windows(text, 8, 16, np.random.default_rng(0))
    with torch.no_grad():
        losses = training.exit_losses(longer.model(batch[:, :-1]), batch[:, 1:])
    assert losses.max() < 1.0  # knowing the bytes but not their order costs log(8) = 2.08


def test_so_many_minutes_give_more_steps_than_fewer(part: Any, small: Any) -> None:
    pytest.importorskip("torch")
    text = np.zeros(100, np.uint8)
    assert part("training").steps_within(1e-9, text, small) == 1
    assert part("training").steps_within(10.0, text, small) > 100


def test_measuring_a_model_that_repeats_the_last_byte(part: Any, small: Any) -> None:
    """On "aab" repeated the next byte equals the last one at a third of the positions; its logit is known."""
    torch = pytest.importorskip("torch")

    class Repeater(torch.nn.Module):
        shape = small

        def forward(self, text: Any) -> list[Any]:
            sure = torch.nn.functional.one_hot(text, 256).float()
            return [2.0 * sure, 8.0 * sure]

    text, rows = np.frombuffer(b"aab" * 2000, np.uint8), 3000
    answers = part("measurement").measure(Repeater(), text, rows, seed=0)
    assert answers.correct.shape == answers.confidence.shape == (rows, 2)
    assert answers.correct.mean(axis=0) == pytest.approx([1 / 3, 1 / 3], abs=0.02)
    logits = np.array([2.0, 8.0])
    confidence = np.exp(logits) / (np.exp(logits) + 255)
    assert np.abs(answers.confidence - confidence).max() < 1 / 2**14
    right = answers.correct.mean(axis=0)
    loss = np.log(np.exp(logits) + 255) - right * logits
    assert answers.loss == pytest.approx(loss, rel=1e-4)


def test_reliability_of_a_hand_made_exit(part: Any) -> None:
    calibration = part("calibration", needs_torch=False)
    confidence = np.array([[0.1], [0.3], [0.6], [0.8], [1.0]])
    profile = ExitProfile("hand-made", confidence, np.array([[0], [1], [1], [0], [1]]))
    bins = calibration.reliability(profile, 0, bins=4)
    assert bins.count.tolist() == [1, 1, 1, 2]
    np.testing.assert_allclose(bins.confidence, [0.1, 0.3, 0.6, 0.9], rtol=1e-6)
    assert bins.accuracy.tolist() == [0, 1, 1, 0.5]
    assert bins.ece == pytest.approx((0.1 + 0.7 + 0.4 + 2 * 0.4) / 5)


def test_the_calibration_error_of_an_overconfident_profile_is_the_known_one(part: Any) -> None:
    """Confidence is Beta(a, 1) and right with probability c ** 2: the mean gap is a / (a + 1) - a / (a + 2)."""
    calibration = part("calibration", needs_torch=False)
    profile = parametric_profile(200_000, overconfidence=2.0)
    for index, depth in enumerate(range(1, 5)):
        expected = depth / (depth + 1) - depth / (depth + 2)
        assert calibration.reliability(profile, index).ece == pytest.approx(expected, abs=0.005)
    assert calibration.reliability(parametric_profile(200_000), 0).ece < 0.005


def test_a_common_threshold_goes_from_the_first_exit_to_the_last(part: Any) -> None:
    calibration = part("calibration", needs_torch=False)
    profile = ExitProfile("hand-made", [[0.4, 0.9], [0.8, 0.2]], [[0, 1], [1, 0]])  # type: ignore[arg-type]
    curve = calibration.common_threshold(profile, np.array([0.0, 0.5, 1.0]))
    assert curve.saved.tolist() == [0.5, 0.25, 0.0]
    assert curve.accuracy.tolist() == [0.5, 1.0, 0.5]


def test_own_thresholds_are_the_points_that_no_other_beats(part: Any) -> None:
    calibration = part("calibration", needs_torch=False)
    profile = parametric_profile(300, exits=3, noise=0.5)
    best = calibration.own_thresholds(profile, tries=200, seed=1)
    drawn = calibration.tradeoff(profile, np.random.default_rng(1).random((200, 3)))
    points = set(zip(drawn.saved, drawn.accuracy, strict=True))
    undominated = {
        (saved, right)
        for saved, right in points
        if not any((s >= saved and r > right) or (s > saved and r >= right) for s, r in points)
    }
    assert len(undominated) > 3
    assert list(zip(best.saved, best.accuracy, strict=True)) == sorted(undominated)
    for threshold, right in zip(best.threshold, best.accuracy, strict=True):
        assert profile.expected_accuracy(threshold) == right


def test_the_documented_tables_are_those_of_the_shipped_profile(
    part: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    part("calibration", needs_torch=False)
    assert importlib.import_module("plot_exit_profile").main(["stdlib-lm", "--out", str(tmp_path)]) == 0
    page = (ROOT / "docs" / "results" / "exit-profile.md").read_text(encoding="utf-8")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len(lines) == 13
    assert [line for line in lines if line not in page] == []
    for name in ("exit-confidence", "exit-calibration", "exit-savings"):
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000
        assert f"images/{name}.png" in page
