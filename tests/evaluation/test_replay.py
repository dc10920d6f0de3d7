"""The rate of a replayed trace: reported by compare, kept with --rate own."""

import json
from itertools import pairwise

import gymnasium
import pytest
from typer.testing import CliRunner

from edge_llm_gym.cli import app
from edge_llm_gym.cli.options import read_settings
from edge_llm_gym.evaluation import compare
from edge_llm_gym.evaluation.replay import Replay
from edge_llm_gym.workload.trace_source import TraceSource

ENVIRONMENT = "EdgeLLM/SingleNode-v0"
FILE_RATE = 2.0
ROWS = 400


@pytest.fixture
def trace(tmp_path):
    """A request every 0.5 s."""
    path = tmp_path / "mine.csv"
    rows = "".join(f"{index / FILE_RATE},{100 + index % 7},{20 + index % 5}\n" for index in range(ROWS))
    path.write_text(f"arrival_s,prompt_tokens,output_tokens\n{rows}")
    return path


def arrivals_of(trace, **further):
    return {
        "horizon_epochs": 3,
        "arrivals": {"process": "trace", "file": str(trace)} | further,
        "lengths": {"kind": "trace", "max_prompt_tokens": 4096, "max_output_tokens": 512},
    }


@pytest.mark.parametrize(("further", "rate", "scale"), [({}, 2.0, 1.0), ({"rate_per_s": 8.0}, 8.0, 0.25)])
def test_a_comparison_reports_the_rates_of_the_trace(further, rate, scale, trace):
    result = compare(ENVIRONMENT, ["edf"], [0], overrides=arrivals_of(trace, **further))
    assert result.replay == Replay("mine", FILE_RATE, rate)
    assert result.replay.time_scale == pytest.approx(scale)
    epochs_s = (1 + 3) * 4.0  # the first decision follows an epoch of arrivals
    assert result.mean("edf", "arrived").mean == pytest.approx(rate * epochs_s, abs=1)


def test_other_arrivals_have_no_trace():
    assert compare(ENVIRONMENT, ["edf"], [0], overrides={"horizon_epochs": 1}).replay is None


def test_a_trace_under_other_lengths_is_reported_too(trace):
    overrides = {"horizon_epochs": 1, "arrivals": {"process": "trace", "file": str(trace), "rate_per_s": 4.0}}
    assert compare(ENVIRONMENT, ["edf"], [0], overrides=overrides).replay == Replay("mine", FILE_RATE, 4.0)


def output_of(*words):
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False).output


SHORT = ("-e", ENVIRONMENT, "--set", "horizon_epochs=2")


@pytest.mark.parametrize(
    ("rate", "line", "scale"),
    [
        (("--rate", "8"), "trace mine: 2/s in the file, replayed at 8/s (time rescaled by 0.25)", 0.25),
        (("--rate", "own"), "trace mine: 2/s in the file, replayed at 2/s (time rescaled by 1)", 1.0),
    ],
)
def test_the_command_prints_and_writes_the_rates(rate, line, scale, trace, tmp_path):
    words = (*SHORT, "--trace", trace, *rate, "-o", tmp_path / "out")
    assert line in output_of("compare", "-p", "edf", "-n", 1, *words)
    summary = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert summary["trace"]["time_scale"] == pytest.approx(scale)
    assert summary["trace"]["file_rate_per_s"] == pytest.approx(FILE_RATE)
    assert line in output_of("render", "--epochs", 1, *words)
    calibration = ("calibrate", "--experts", "edf", "--no-bound", "-n", 1)
    assert line in output_of(*calibration, *words)
    assert json.loads((tmp_path / "out" / "SingleNode-v0.json").read_text())["trace"] == summary["trace"]


def test_the_own_rate_leaves_the_arrivals_of_the_file(trace):
    """Gaps of 0.5 s, as in the file."""
    _, settings = read_settings(ENVIRONMENT, None, ["horizon_epochs=3"], TraceSource(str(trace)), "own")
    env = gymnasium.make(ENVIRONMENT, **settings)
    env.reset(seed=0)
    requests = env.unwrapped.simulator.tape.requests
    tape = requests.arrival_s[0, : requests.length[0]]
    gaps = [after - before for before, after in pairwise(tape) if after < 12.0]
    assert len(gaps) > 20
    assert gaps == pytest.approx([0.5] * len(gaps))


def test_a_scenario_that_replays_a_trace_can_be_set_to_its_own_rate(trace, tmp_path):
    import yaml

    from edge_llm_gym.scenario import load_scenario

    scenario = load_scenario("single-node", arrivals_of(trace, rate_per_s=8.0))
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(scenario.model_dump(mode="json", exclude_unset=True)))
    rates = [
        read_settings(ENVIRONMENT, str(path), [], None, rate)[0].arrivals.rate_per_s for rate in (None, "own", "3")
    ]
    assert rates == [8.0, None, 3.0]


def test_arrivals_without_a_rate_of_their_own_are_refused(trace):
    with pytest.raises(ValueError, match="--rate own keeps the rate of a trace's file, got arrivals 'azure-conv-2023'"):
        read_settings(ENVIRONMENT, None, [], None, "own")
    with pytest.raises(ValueError, match=r"--rate takes a number of arrivals per second, or 'own'.*got 'fast'"):
        read_settings(ENVIRONMENT, None, [], TraceSource(str(trace)), "fast")
