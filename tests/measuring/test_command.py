"""`edge-llm-gym measure`: files, tables, options and errors."""

import subprocess
import sys

import pytest
import yaml
from typer.testing import CliRunner

from edge_llm_gym.cli import app
from edge_llm_gym.cli.measure import read_shape
from edge_llm_gym.measuring import processors
from edge_llm_gym.models.hardware_profiles import hardware_profile
from edge_llm_gym.models.llm import model_shape
from edge_llm_gym.models.timings import read_timings
from edge_llm_gym.scenario import load_scenario
from tests.measuring.law_clock import C0_S, LawClock
from tests.measuring.shapes import GATED

SHAPE = {"layers": 2, "d_model": 24, "heads": 6, "kv_heads": 2, "head_dim": 6, "d_ff": 40}
SHAPE |= {"gated": True, "vocabulary": 50, "tied_head": False}
WITHOUT_TORCH = """
import builtins, sys
find = builtins.__import__
def refuse(name, *rest, **more):
    if name.split(".")[0] == "torch":
        raise ModuleNotFoundError(f"No module named {name!r}", name="torch")
    return find(name, *rest, **more)
builtins.__import__ = refuse
from edge_llm_gym.cli import main
sys.argv = ["edge-llm-gym", "measure", "--model", "llama-3-8b"]
main()
"""


@pytest.fixture
def model_file(tmp_path):
    path = tmp_path / "gated.yaml"
    path.write_text(yaml.safe_dump(SHAPE))
    return path


def run(*arguments):
    return CliRunner().invoke(app, ["measure", *map(str, arguments)])


@pytest.mark.usefixtures("_small_limits")
def test_the_command_writes_timings_and_a_profile_that_a_scenario_can_use(monkeypatch, tmp_path, model_file):
    monkeypatch.setattr(processors, "PROCESSORS", {"cpu": lambda threads: LawClock(monkeypatch)})
    out, profile = tmp_path / "new" / "timings.csv", tmp_path / "profiles" / "mine.yaml"
    options = ("--device", "cpu", "--batches", "1,2,4", "--contexts", "64,128,256", "--repeats", 1)
    result = run("--model", model_file, *options, "--out", out, "--profile", profile)
    assert result.exit_code == 0, result.output
    assert "whole batch with prefills" in result.output
    assert {row.prompt_or_context_tokens for row in read_timings(out) if row.kind == "decode"} == {64, 128, 256}
    (row,) = hardware_profile(profile).rows
    assert (row.model, row.decode.c0_s) == ("gated", pytest.approx(C0_S))
    node = {"name": "n", "hardware": "nvidia-l4", "hardware_profile": str(profile), "position_m": [0, 0]}
    node |= {"uplink_hz": 5e6, "downlink_hz": 5e6}
    changes = {"cost": "measured", "model": {"name": "gated", **SHAPE}, "nodes": [node]}
    assert load_scenario("single-node", changes).nodes[0].measured_times("gated") == row.times()


def test_shapes_come_from_the_catalogue_or_a_file(model_file):
    assert read_shape("llama-3-8b") == model_shape("llama-3-8b")
    assert read_shape(str(model_file)) == GATED
    model_file.write_text(yaml.safe_dump({"name": "own", **SHAPE}))
    assert read_shape(str(model_file)).name == "own"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--model", "llama-3-9b"), "unknown model 'llama-3-9b'; did you mean 'llama-3-8b'?"),
        (("--model", "bloom-3b", "--profile", "mine.csv"), "stored in YAML files, got 'mine.csv'"),
        (("--model", "bloom-3b", "--bits", 8), "weights of 16 or 32 bits are timed, got 8"),
        (("--model", "bloom-3b", "--device", "cpu", "--batches", "1,x"), "is written as 1,2,4, got '1,x'"),
        (("--model", "bloom-3b", "--device", "cpu", "--contexts", "8,4,2"), "in increasing order"),
    ],
)
def test_mistakes_are_explained(options, message):
    assert message in str(run(*options).exception)


def test_without_pytorch_the_extra_is_named():
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "needs torch, which is not installed: pip install 'edge-llm-gym[agents]'" in done.stderr
