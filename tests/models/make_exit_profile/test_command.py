"""The command line of scripts/make_exit_profile.py: tiny runs of both tasks, faulty options."""

import importlib
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_llm_gym.models.exits import exit_profile

ROOT = Path(__file__).parents[3]
SIZES = {"layers": 4, "width": 16, "heads": 2, "context": 48, "vocabulary": 280, "steps": 4, "rows": 64}
TINY = ["--task", "lines", *(f"--{name}={value}" for name, value in SIZES.items())]


@pytest.fixture
def main(part: Any) -> Any:
    """The command."""
    part("training")
    return importlib.import_module("make_exit_profile").main


def test_a_tiny_run_on_bytes_writes_a_valid_profile(tmp_path: Path) -> None:
    pytest.importorskip("torch", minversion="2.9")
    options = ["--task", "bytes", "--steps", "20", "--width", "32", "--heads", "1", "--rows", "512"]
    command = [sys.executable, "scripts/make_exit_profile.py", *options, "--out", str(tmp_path / "tiny.npz")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "step 20/20" in done.stdout
    profile = exit_profile(tmp_path / "tiny.npz")
    assert (profile.name, profile.rows, profile.exits) == ("tiny", 512, 4)
    assert profile.accuracy.min() > 0.15  # a space is one byte in four
    assert "trained for 20 steps" in profile.source


def test_a_tiny_run_on_lines_repeats_with_its_seed(main: Any, packages: Path) -> None:
    pytest.importorskip("tokenizers")
    profiles = []
    for name, seed in (("first", 0), ("again", 0), ("other", 1)):
        path = packages / f"{name}.npz"
        assert main([*TINY, "--folder", str(packages), "--seed", str(seed), "--out", str(path)]) == 0
        profiles.append(exit_profile(path))
    first, again, other = profiles
    assert (first.name, first.rows, first.exits) == ("first", 64, 4)
    assert np.array_equal(first.confidence, again.confidence)
    assert not np.array_equal(first.confidence, other.confidence)
    assert first.source.startswith("line completion, exact match, answers of 2 to 12 tokens")
    assert "trained for 4 steps (1536 tokens, seed 0) on 4" in first.source
    assert "source files of 2" in first.source
    assert "other packages" in first.source


def test_a_model_that_learned_its_lines_answers_them_at_every_exit(main: Any, packages: Path) -> None:
    """Within a package each line is the one before with the next number, so most rests of lines can be known."""
    pytest.importorskip("tokenizers")
    options = [*TINY, "--steps", "90", "--width", "32", "--folder", str(packages), "--out", str(packages / "a.npz")]
    assert main(options) == 0
    assert exit_profile(packages / "a.npz").accuracy.min() > 0.3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "0"], "--steps: must be at least 1, got 0"),
        (["--minutes", "nan"], "--minutes: must be positive and finite, got nan"),
        (["--out", "a.txt"], "--out: must end in .npz"),
        (["--out", "nowhere/a.npz"], "in a folder that exists, got 'nowhere/a.npz'"),
        (["--steps", "5", "--minutes", "1"], "not allowed with argument --steps"),
        (["--folder", "nowhere"], "--folder: must be a folder that exists, got 'nowhere'"),
        (["--layers", "6"], "--layers: must be a multiple of the 4 exits, got 6"),
        (["--width", "100", "--heads", "4"], "--width: must be a multiple of twice the heads (8), got 100"),
        (["--task", "words"], "--task: invalid choice: 'words'"),
        (["--size", "full"], "--size: the task bytes has the sizes small, got full"),
        (["--vocabulary", "300"], "--vocabulary: must be 256 to 256 in the task bytes, got 300"),
        (["--folder", "."], "--folder: the task bytes reads the standard library only"),
        (["--task", "lines", "--vocabulary", "256"], "must be 257 to 65536 in the task lines, got 256"),
        (["--task", "lines", "--context", "47"], "--context: must be at least 48 in the task lines, got 47"),
    ],
)
def test_faulty_options_are_rejected(
    main: Any, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--task", "bytes", "--out", "a.npz", *arguments])
    assert message in capsys.readouterr().err


def test_what_the_machine_lacks_is_named(
    main: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch = importlib.import_module("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for arguments, message in (
        (["--size", "full"], "--device: cuda, but PyTorch finds no CUDA device here: give --device cpu"),
        (
            [],
            "--task: lines needs the library tokenizers, which is not installed: pip install 'edge-llm-gym[profiles]'",
        ),
    ):
        with pytest.raises(SystemExit, match="2"):
            main(["--task", "lines", "--out", "a.npz", *arguments])
        assert message in capsys.readouterr().err


def test_too_little_text_ends_the_run_with_a_message(main: Any, packages: Path, capsys: Any) -> None:
    pytest.importorskip("tokenizers")
    options = [*TINY, "--folder", str(packages), "--out", str(packages / "a.npz")]
    assert main([*options, "--rows", "100000"]) == 2
    assert re.search(r"error: the held-out text has \d+ places .* give fewer rows", capsys.readouterr().err)
