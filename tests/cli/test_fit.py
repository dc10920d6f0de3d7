"""`edge-llm-gym fit` as a user types it."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from edge_llm_gym.cli import app
from edge_llm_gym.models.hardware_profiles import hardware_profile
from edge_llm_gym.models.timings import Timing, write_timings
from edge_llm_gym.scenario import load_scenario


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    rows = [
        Timing("board", "llama-3-8b", bits, kind, batch, tokens, 0.01 * bits + 1e-6 * batch * tokens)
        for bits in (4.0, 16.0)
        for kind in ("decode", "prefill")
        for batch, tokens in ((1, 100), (1, 900), (8, 500), (64, 500))
    ]
    rows += [
        Timing("board", "llama-3-8b", 4.0, "batch_prefill", 1, None, 0.1, (300,), (50,)),
        Timing("board", "llama-3-8b", 4.0, "batch", 1, None, 2.5, (300,), (50,)),
    ]
    write_timings(tmp_path / "board.csv", rows)
    return tmp_path / "board.csv"


def fit(*words: object) -> str:
    result = CliRunner().invoke(app, ["fit", *map(str, words)], catch_exceptions=False, env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.output
    return result.output


def test_a_profile_is_fitted_printed_and_used(csv_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "board.yaml"
    output = fit(csv_file, "--out", out, "--devices", 2, "--source", "by hand")
    assert "board: coefficients" in output
    assert "c0 (ms)" in output
    assert output.count("prefill") >= 2
    assert output.count("whole batch") == 2  # a row and the caption
    profile = hardware_profile(out)
    assert (profile.source, profile.device_count) == ("by hand", 2)
    assert [row.weight_bits for row in profile.rows] == [4, 16]
    node = {"nodes.0.hardware_profile": str(out), "nodes.0.usable_flops_fraction": None}
    assert load_scenario("single-node", {"cost": "measured", **node}).nodes[0].count == 2


def test_options_select_timings(csv_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "board.yaml"
    output = fit(csv_file, "--out", out, "--weight-bits", 16, "--max-batch", 8, "--efficiencies", "jetson-agx-orin")
    (row,) = hardware_profile(out).rows
    assert (row.weight_bits, row.decode.max_batch) == (16, 8)
    assert row.decode.errors is not None
    assert row.decode.errors.timings == 3
    assert "jetson-agx-orin: roofline with flops_fraction" in output


def test_timings_of_a_model_of_ones_own(csv_file: Path, tmp_path: Path) -> None:
    text = csv_file.read_text().replace("llama-3-8b", "tiny")
    csv_file.write_text(text)
    with pytest.raises(ValueError, match="unknown model 'tiny'"):
        fit(csv_file)
    shape = {"layers": 4, "d_model": 16, "heads": 4, "kv_heads": 2, "d_ff": 40, "vocabulary": 50}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(shape))
    output = fit(csv_file, "--shape", tmp_path / "tiny.yaml", "--efficiencies", "jetson-agx-orin")
    assert output.count("tiny") >= 8


def test_wrong_columns_are_an_error(tmp_path: Path) -> None:
    file = tmp_path / "wrong.csv"
    file.write_text("device,model,ms\n")
    with pytest.raises(ValueError, match=r"weight_bits.* is missing and ms is unknown"):
        fit(file)
