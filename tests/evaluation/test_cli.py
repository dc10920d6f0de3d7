"""The command line as a user types it."""

import gzip
import json

import gymnasium
import pytest
from typer.testing import CliRunner

from edge_llm_gym import cli
from edge_llm_gym.cli import app
from edge_llm_gym.evaluation.report_layout import own_expert
from edge_llm_gym.registration import ENVIRONMENTS
from tests.browser import Page, require_self_contained

runner = CliRunner()
SHORT = ["--set", "horizon_epochs=4"]


def run(*words) -> str:
    result = runner.invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_help_names_every_command():
    output = run("--help")
    for command in ("compare", "scenarios", "trace", "render", "bench"):
        assert command in output


def test_compare_writes_table_and_files(tmp_path):
    output = run(
        "compare", "-e", "EdgeLLM/SingleNode-v0", "-p", "edf[overrun_s=0],random", "-n", 2, *SHORT, "-o", tmp_path
    )
    assert "edf[overrun_s=0]" in output
    assert "lengths clipped" in output
    assert {path.name for path in tmp_path.iterdir()} >= {
        "episodes.csv",
        "comparison.json",
        "comparison.png",
        "timeline-edf.png",
    }
    assert json.loads((tmp_path / "comparison.json").read_text())["seeds"] == [0, 1]


def test_compare_on_a_custom_trace(tmp_path):
    trace = tmp_path / "mine.csv"
    rows = [f"{0.5 * i},{100 + i},{20 + i}" for i in range(50)]
    trace.write_text("arrival_s,prompt_tokens,output_tokens\n" + "\n".join(rows) + "\n")
    output = run("compare", "--trace", trace, "-p", "edf", "-n", 1, "--rate", 2, *SHORT, "-o", tmp_path / "out")
    assert "mine" in output
    assert "2/s" in output


def test_compare_on_the_public_trace(azure_trace, tmp_path):
    output = run("compare", "--trace", azure_trace("conv"), "-p", "edf", "-n", 1, *SHORT, "-o", tmp_path)
    assert "AzureLLMInferenceTrace_conv" in output


def test_trace_describes_the_file_and_its_replay(tmp_path):
    trace = tmp_path / "mine.csv"
    trace.write_text("arrival_s,prompt_tokens,output_tokens\n" + "".join(f"{i},9999,20\n" for i in range(9)))
    output = run("trace", trace)
    assert "9 prompts over 4096" in output
    assert "multiples of 1 s" in output


def test_trace_options_choose_requests_on_every_command(tmp_path):
    log = tmp_path / "log.csv.gz"
    rows = "".join(f"{second};{100 + second};20\n" for second in range(60))
    log.write_bytes(gzip.compress(b"ts;prompt;out\n" + rows.encode()))
    options = ["--columns", "arrival_s=ts,prompt_tokens=prompt,output_tokens=out", "--from", 10, "--until", 40]
    assert "log: 30 requests" in run("trace", log, *options)
    out = ["-o", tmp_path / "out"]
    output = run("compare", "--trace", log, *options, "-p", "edf", "-n", 1, *SHORT, *out)
    assert "window from 10 s until 40 s: 30 of 60 requests" in " ".join(output.split())
    run("render", "--trace", log, *options, "--epochs", 2, *SHORT)
    with pytest.raises(ValueError, match="did you mean 'out'"):
        run("calibrate", "--trace", log, "--columns", "arrival_s=ts,prompt_tokens=prompt,output_tokens=ou", *out)
    with pytest.raises(ValueError, match="--format and --from need a trace, got none; add --trace FILE"):
        run("compare", "--format", "azure", "--from", 5, *SHORT, *out)


def test_a_file_with_token_counts_only_gives_the_lengths(tmp_path):
    chats = tmp_path / "chats.json"
    chats.write_text('[{"conversations": [{"value": "' + "x" * 400 + '"}, {"value": "' + "y" * 100 + '"}]}]')
    output = run("trace", chats)
    assert "4 characters count as one token" in output
    assert "arrivals: azure-conv-2023, as in the scenario" in output
    output = run("compare", "--trace", chats, "-p", "edf", "-n", 1, *SHORT, "-o", tmp_path / "out")
    assert "lengths of random rows of trace chats" in " ".join(output.split())


def test_scenarios_list_show_validate(tmp_path):
    assert "multi-node" in run("scenarios", "list")
    shown = run("scenarios", "show", "single-node")
    assert "memory_fraction" in shown
    mine = tmp_path / "mine.yaml"
    import yaml

    from edge_llm_gym.scenario import load_scenario

    data = load_scenario("single-node").model_dump(mode="json", exclude_none=True)
    mine.write_text(yaml.safe_dump(data))
    assert "valid" in run("scenarios", "validate", mine)
    mine.write_text(yaml.safe_dump(data | {"slotz": 3}))
    with pytest.raises(ValueError, match="did you mean 'slots'"):
        run("scenarios", "validate", mine)


@pytest.mark.parametrize("form", ["ansi", "png", "gif", "timeline"])
@pytest.mark.parametrize(
    ("environment", "name"), [("SingleNode", "single-node"), ("EarlyExit", "early-exit"), ("Joint", "joint")]
)
def test_render_forms(environment, name, form, tmp_path):
    output = run("render", "-e", f"EdgeLLM/{environment}-v0", "-f", form, "--epochs", 3, *SHORT, "-o", tmp_path)
    assert name in output if form == "ansi" else len(list(tmp_path.iterdir())) == 1


TABLES = {
    "batching": ["queue", "batches", "nodes", "slots"],
    "continuous_batching": ["queue", "nodes", "slots", "sequences"],
    "batching_routing": ["queue", "batches", "exits", "stages", "nodes", "slots"],
    "streaming": ["nodes", "exits", "links"],
}
"""First word of the title of each table of an episode page."""


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_episode_page_of_every_environment(environment, tmp_path):
    """Three epochs: titles, one frame and all tables of each epoch, cells that hold the numbers of the nodes."""
    run("render", "-e", environment, "-f", "html", "--epochs", 3, "--seed", 5, *SHORT, "-o", tmp_path)
    (path,) = tmp_path.iterdir()
    text = path.read_text("utf-8")
    require_self_contained(text)
    page, scenario = Page(text), gymnasium.make(environment).unwrapped.scenario
    assert page.texts("h1") == [f"{environment}: {own_expert(scenario)}, seed 5"]
    assert [section["data-epoch"] for section in page.all("section")] == ["1", "2", "3"]
    assert len(page.all("img")) == 3
    notes = [note for note in page.texts("p") if note.endswith(": none")]
    titles = [title.replace(":", "").split()[0] for title in (*page.texts("h3"), *notes)]
    assert sorted(titles) == sorted(3 * TABLES[scenario.variant])
    names = page.texts("th")
    assert all(names.count(node.name) >= 3 for node in scenario.nodes)
    assert not any(word in cell for cell in page.texts("td") for word in ("nan", "None", "inf"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["compare", "-p", "edff"], "did you mean 'edf'"),
        (["compare", "-p", "edf,sjf", "--reference", "sjff"], "unknown policy 'sjff'; did you mean 'sjf'"),
        (["compare", "-e", "EdgeLLM/MultiNod-v0"], "did you mean 'EdgeLLM/MultiNode-v0'"),
        (["compare", "--set", "slots"], "--set takes path=value"),
        (["compare", "--scenario", "multinode"], "did you mean 'multi-node'"),
        (["compare", "-e", "EdgeLLM/EarlyExit-v0", "-n", "1", "--gap", "2"], "leave the gap out"),
        (["render", "-f", "jpg"], "unknown form 'jpg'"),
        (["trace", "no-such-file.csv"], "no-such-file.csv"),
    ],
)
def test_user_errors_print_one_message_and_exit_with_status_2(words, message, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["edge-llm-gym", *words])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_calibrate_reports_whether_the_checks_hold(tmp_path):
    words = ["calibrate", "-e", "EdgeLLM/SingleNode-v0", "-n", "2", "--experts", "sjf", *SHORT, "-o", str(tmp_path)]
    result = runner.invoke(app, words)
    report = json.loads((tmp_path / "SingleNode-v0.json").read_text())
    assert result.exit_code == (0 if all(check["holds"] for check in report["checks"]) else 1)
    assert set(report["resources"]) == {"time", "memory", "uplink", "downlink"}


def test_gaps_say_that_they_count_value_only_where_the_reward_prices_energy(tmp_path):
    words = ["-e", "EdgeLLM/SingleNode-v0", "-p", "edf", "-n", 1, "--gap", 2, *SHORT, "--overwrite", "-o", tmp_path]
    note = "gaps and bounds count served value only, without the other terms of the reward: energy_j"
    assert note in run("compare", *words, "--set", "reward={served_value: 1.0, energy_j: -0.001}")
    assert "gaps and bounds" not in run("compare", *words)


def test_compare_with_gap_shows_it(tmp_path):
    words = ["-e", "EdgeLLM/SingleNode-v0", "-p", "dftsp[overrun_s=.inf],edf", "-n", 1, "--gap", 2, *SHORT]
    assert "optima proved" in run("compare", *words, "-o", tmp_path)
    (exact,) = [
        row for row in json.loads((tmp_path / "comparison.json").read_text())["policies"] if "dftsp" in row["policy"]
    ]
    assert exact["gap"]["mean"] == pytest.approx(0.0, abs=1e-9)
    assert exact["gap_epochs"]["mean"] == 2
