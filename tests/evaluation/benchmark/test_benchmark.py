"""Runs of the benchmark on small suites: which policies act where, scores, interruption, tables, files, command."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import edge_llm_gym.evaluation.benchmark.scoring as scoring
from edge_llm_gym.cli import app
from edge_llm_gym.evaluation.benchmark import SUITE, Entry, Suite, Task, benchmark
from edge_llm_gym.evaluation.benchmark.entries import entries_of, portfolio, serving
from edge_llm_gym.evaluation.benchmark.reference import Reference, TaskReference
from edge_llm_gym.evaluation.benchmark.result import reference_scores
from edge_llm_gym.evaluation.benchmark.tables import benchmark_sheets
from edge_llm_gym.evaluation.compare import compare
from edge_llm_gym.evaluation.identity import scenario_hash
from edge_llm_gym.sheets.terminal import Terminal

SHORT = {"horizon_epochs": 8}
SMALL = Suite(
    "small",
    (11, 12, 13),
    (
        Task("one", "EdgeLLM/SingleNode-v0", "one node", SHORT),
        Task("two", "EdgeLLM/SingleNode-v0", "one node, busier", {**SHORT, "arrivals.rate_per_s": 4.0}),
        Task("routes", "EdgeLLM/EarlyExit-v0", "routes", SHORT),
    ),
)
EXPERTS = {"one": ("random", "edf", "sjf"), "two": ("random", "edf", "sjf"), "routes": ("random", "uniform", "dto-ee")}


@pytest.fixture(scope="module")
def comparisons():
    """Episodes of the experts by `compare`, independent of the benchmark."""
    return {
        task.name: compare(task.environment, EXPERTS[task.name], SMALL.seeds, overrides=task.overrides)
        for task in SMALL.tasks
    }


@pytest.fixture
def small(comparisons, monkeypatch):
    """A small suite, with its reference, in place of the shipped one."""
    tasks = {}
    for task in SMALL.tasks:
        found = comparisons[task.name]
        policies = {name: tuple(found.samples(name, task.metric())) for name in found.policies}
        tasks[task.name] = TaskReference(scenario_hash(task.scenario()), task.metric(), policies)
    reference = Reference("small", "0", SMALL.seeds, tasks)
    monkeypatch.setattr(scoring, "SUITE", SMALL)
    monkeypatch.setattr(scoring, "suite_reference", lambda suite: reference)
    return reference


def test_scores_are_those_of_compare(small, comparisons):
    result = benchmark(["sjf", "random"])
    assert result.is_complete
    for task in ("one", "two"):
        metric, compared = "served_value", comparisons[task]
        means = {name: compared.mean(name, metric).mean for name in EXPERTS[task]}
        best = max(means.values())
        expected = (means["sjf"] - means["random"]) / (best - means["random"])
        found = result.policies["sjf"].tasks[task]
        assert found.score.mean == pytest.approx(expected)
        assert found.samples == tuple(compared.samples("sjf", metric))
    assert result.policies["random"].aggregate.mean == 0.0
    both = [result.policies["sjf"].tasks[task].score.mean for task in ("one", "two")]
    assert result.policies["sjf"].aggregate.mean == pytest.approx(np.mean(both))


def test_a_policy_is_scored_in_the_tasks_that_it_serves(small):
    result = benchmark(["edf", "uniform", "random"])
    assert set(result.policies["edf"].tasks) == {"one", "two"}
    assert "does not serve the dynamics 'streaming'" in result.policies["edf"].skipped["routes"]
    assert set(result.policies["uniform"].tasks) == {"routes"}
    assert set(result.policies["random"].tasks) == {"one", "two", "routes"}


def test_in_a_portfolio_the_first_policy_that_serves_acts(small, comparisons):
    result = benchmark([Entry("mine", ("uniform", "sjf", "edf"))])
    scored = result.policies["mine"]
    assert scored.tasks["routes"].samples == tuple(comparisons["routes"].samples("uniform", "reward"))
    assert scored.tasks["one"].samples == tuple(comparisons["one"].samples("sjf", "served_value"))
    assert scored.skipped == {}


def test_a_trained_policy_with_other_nodes_is_left_out_with_the_reason():
    tasks = {task.name: task for task in SUITE.tasks}
    (entry,) = entries_of(["pretrained:multi-node-ppo"])
    assert serving(entry, tasks["multi-busy"]).source is not None
    left_out = serving(entry, tasks["multi-six-nodes"])
    assert left_out.source is None
    assert "parameters" in left_out.reason


def test_peers_cover_the_same_tasks(small):
    result = benchmark(["edf"])
    peers = result.peers("edf")
    assert set(peers) == {"random", "edf", "sjf"}
    assert list(peers.values()) == sorted(peers.values(), key=lambda found: -found.mean)
    assert peers["edf"] == result.policies["edf"].aggregate


def test_reference_and_run_of_the_same_policy_agree(small):
    run, known = benchmark(["sjf"]).policies["sjf"], reference_scores(SMALL, small)["sjf"]
    assert run.aggregate == known.aggregate
    assert {name: task.score for name, task in run.tasks.items()} == {
        name: task.score for name, task in known.tasks.items()
    }


def test_an_interrupted_run_continues(small, tmp_path):
    whole = benchmark(["sjf"]).to_json()

    class StopError(Exception):
        pass

    def stop(done, total):
        assert total == 6
        if done == 4:
            raise StopError

    with pytest.raises(StopError):
        benchmark(["sjf"], folder=tmp_path, progress=stop)
    calls = []
    again = benchmark(["sjf"], folder=tmp_path, progress=lambda done, total: calls.append(done))
    assert calls == [3, 4, 5, 6]  # the first task and one episode of the second are there
    assert again.to_json() == whole


def test_part_of_the_suite_is_marked(small):
    result = benchmark(["sjf"], tasks=["one"], seeds=2)
    assert (result.seeds, result.tasks, result.is_complete) == ((11, 12), ("one",), False)
    assert any("not to be reported" in note for note in benchmark_sheets(result)[0].notes)


@pytest.mark.parametrize(
    ("policies", "settings", "message"),
    [
        (["edff"], {}, "did you mean 'edf'"),
        (["edf", "edf"], {}, "must differ"),
        (["uniform"], {"tasks": ["one"]}, "serves none of the tasks"),
        (["edf"], {"tasks": ["onee"]}, "unknown task 'onee'; did you mean 'one'"),
        (["edf"], {"seeds": 4}, "has 3 seeds, got 4"),
        ([Entry("mine", ("edf", "sjff"))], {}, "did you mean 'sjf'"),
    ],
)
def test_wrong_arguments_are_refused(policies, settings, message, small):
    with pytest.raises(ValueError, match=message):
        benchmark(policies, **settings)


@pytest.mark.parametrize("text", ["edf", "=edf", "name=", "edf[overrun_s=0]"])
def test_portfolios_have_a_name_and_policies(text):
    with pytest.raises(ValueError, match="a portfolio is written as"):
        portfolio(text)
    assert portfolio("a = edf, dto-ee[max_rounds=3]") == Entry("a", ("edf", "dto-ee[max_rounds=3]"))


@pytest.mark.parametrize("width", [80, 120])
def test_tables_fit_and_hold_every_score(width, small, capsys):
    result = benchmark(["edf", "uniform", "random"])
    for sheet in benchmark_sheets(result):
        Terminal(width=width).sheet(sheet)
    output = capsys.readouterr().out
    table_lines = [line for line in output.splitlines() if "is not scored in" not in line and "score:" not in line]
    assert max(map(len, table_lines)) <= width
    for name, scored in result.policies.items():
        assert name in output
        for task in scored.tasks.values():
            assert f"{task.score.mean:.3f} [{task.score.low:.3f}, {task.score.high:.3f}]" in output
    assert "edf is not scored in routes: policy 'edf' does not serve the dynamics 'streaming'" in output


def test_the_command_writes_its_result(small, tmp_path, monkeypatch):
    words = ["benchmark", "-p", "edf,random", "--portfolio", "mine=uniform,sjf", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    data = json.loads((tmp_path / "benchmark.json").read_text())
    assert set(data["policies"]) == {"edf", "random", "mine"}
    assert data["policies"]["mine"]["interquartile_mean"]["mean"] == pytest.approx(
        benchmark([Entry("mine", ("uniform", "sjf"))]).policies["mine"].aggregate.mean
    )
    assert data["policies"]["edf"]["skipped"].keys() == {"routes"}
    assert data["complete"]


def test_the_command_lists_the_tasks_and_asks_for_a_policy():
    output = CliRunner().invoke(app, ["benchmark", "--list"], catch_exceptions=False).output
    assert all(task.name in output for task in SUITE.tasks)
    assert "name it with --policy" in str(CliRunner().invoke(app, ["benchmark"]).exception)
