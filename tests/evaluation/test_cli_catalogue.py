"""`edge-llm-gym catalogue` as a user types it."""

import json

import pytest
from typer.testing import CliRunner

from edge_llm_gym.cli import app
from edge_llm_gym.models.hardware import HARDWARE, hardware
from edge_llm_gym.scenario import load_scenario

runner = CliRunner()


def run(*words: str, width: int = 80) -> str:
    result = runner.invoke(app, ["catalogue", *words], env={"COLUMNS": str(width)}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_tables_fit_a_terminal_of_80_columns():
    output = run()
    assert "…" not in output
    assert max(map(len, output.splitlines())) <= 80
    for title in ("hardware", "model", "method", "source", "~ assumed, without a source"):
        assert title in output


def line_of(output: str, name: str) -> list[str]:
    return next(line.split() for line in output.splitlines() if line.split()[:1] == [name])


def test_numbers_of_a_row_stand_in_its_line():
    device = ["nvidia-t4", "65", "16", "320", "~10/70", "~0.5/~0.82", "~0.8/~0.8"]
    assert line_of(run("hardware"), "nvidia-t4") == device
    model = ["qwen3-0.6b", "28", "1024", "16", "x", "128", "8", "0.596", "114,688", "1.19"]
    assert line_of(run("models"), "qwen3-0.6b") == model
    method = ["q4_k_m", "4.8,", "6.5625,", "16", "1.124", "llama-2-7b", "0.986"]
    assert line_of(run("quantization"), "q4_k_m") == method


@pytest.mark.parametrize("kind", ["hardware", "models", "quantization"])
def test_one_kind_shows_no_other(kind):
    heads = {"hardware": "TFLOP/s", "models": "KV bytes", "quantization": "quality factor"}
    output = run(kind)
    assert [head in output for head in heads.values()] == [one == kind for one in heads]


def test_json_holds_all_numbers_in_si_units():
    data = json.loads(run("--json"))
    assert set(data) == {"hardware", "models", "quantization"}
    assert data["hardware"]["nvidia-l4"]["memory_bytes"] == 24e9
    assert "idle_w" in data["hardware"]["nvidia-l4"]["assumed"]
    small = data["models"]["qwen3-0.6b"]
    assert small["kv_bytes_per_token"] == 114_688
    assert small["fp16_bytes"] == 2 * small["parameters"]
    assert data["quantization"]["w8a8"]["perplexity"]["llama-3-8b"] == [6.138, 6.258]


def test_a_row_of_the_json_can_be_used_in_a_scenario():
    row = json.loads(run("hardware", "--json"))["hardware"]["apple-m4"]
    node = load_scenario("single-node", {"nodes.0.hardware": row}).nodes[0]
    assert hardware(node.hardware) == HARDWARE["apple-m4"]


def test_an_unknown_catalogue_is_refused():
    result = runner.invoke(app, ["catalogue", "models2"])
    assert result.exit_code == 2
