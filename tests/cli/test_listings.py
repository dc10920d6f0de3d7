"""Version, lists, completion, the environment of a scenario, and errors, as a user types them."""

import os
import pickle
import subprocess
import sys
from dataclasses import fields

import pytest
from typer.testing import CliRunner

import edge_llm_gym
from edge_llm_gym import cli
from edge_llm_gym.cli import app
from edge_llm_gym.cli.completion import complete_environment, complete_key, complete_policies, complete_scenario
from edge_llm_gym.cli.options import DEFAULT_ENVIRONMENT, environment_of, read_overrides
from edge_llm_gym.evaluation.policies import policy_sources
from edge_llm_gym.evaluation.report_layout import own_expert
from edge_llm_gym.experts import expert_names
from edge_llm_gym.lookahead import RolloutSettings
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.scenario import load_scenario, scenario_names

runner = CliRunner()


def run(*words) -> str:
    result = runner.invoke(app, [str(word) for word in words], catch_exceptions=False, env={"COLUMNS": "100"})
    assert result.exit_code == 0, result.output
    return result.output


def error_of(words, monkeypatch, capsys) -> str:
    monkeypatch.setattr("sys.argv", ["edge-llm-gym", *words])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_version():
    assert run("--version") == f"edge-llm-gym {edge_llm_gym.__version__}\n"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_policies_of_an_environment(environment):
    output = run("policies", "--env", environment)
    shown = {line.split()[0].rstrip("*") for line in output.splitlines() if line.strip()}
    scenario = load_scenario(ENVIRONMENTS[environment])
    assert set(expert_names(scenario)) <= shown
    assert not shown & (set(expert_names()) - set(expert_names(scenario)))
    assert f"{own_expert(scenario)}*" in output.split()


def test_policies_of_all_environments():
    output = run("policies")
    assert set(expert_names()) <= {word.rstrip("*") for word in output.split()}
    assert all(environment in output for environment in ENVIRONMENTS)


def test_the_settings_of_a_policy_are_listed_by_environment():
    output = run("policies", "stb")
    assert output.splitlines()[0] == "stb, EdgeLLM/SingleNode-v0, EdgeLLM/MultiNode-v0, EdgeLLM/Continuous-v0"
    first = [line.split()[0] for line in output.splitlines()[3:] if line and not line.startswith(" ")]
    assert first == ["overrun_s", "quantile", "num_threads", "batch_size", "energy_price"]
    assert "EdgeLLM/SingleNode-v0" not in run("policies", "ot-gah", "-e", "EdgeLLM/Joint-v0")
    assert "no settings" in run("policies", "random", "-e", "EdgeLLM/EarlyExit-v0")


def test_the_settings_of_rollout_are_those_that_it_takes():
    shown = {line.split()[0] for line in run("policies", "rollout").splitlines()[3:] if line}
    assert {"base", "expert"} | {field.name for field in fields(RolloutSettings)} <= shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["edff"], "unknown policy 'edff'; did you mean 'edf'"),
        (["dftsp", "-e", "EdgeLLM/EarlyExit-v0"], "unknown policy of EdgeLLM/EarlyExit-v0 'dftsp'; choose one of"),
        (["pretrained:multi-node-ppo"], "experts and rollout have settings, got 'pretrained:multi-node-ppo'"),
    ],
)
def test_other_policies_have_no_settings(words, message, monkeypatch, capsys):
    assert message in error_of(["policies", *words], monkeypatch, capsys)


def test_the_keys_of_a_scenario_are_described_by_section():
    output = run("scenarios", "keys", "lengths.prediction")
    assert output.splitlines()[0] == "lengths"
    assert "lengths.prediction" in output.splitlines()
    words = run("scenarios", "keys", "arrivals.rate_per_s").split()
    assert {"rate_per_s", ">=", "1e-06,", "<=", "1e+07", "1/s"} <= set(words)
    assert {"Top", "nodes.*.hardware,", "exits.drift"} <= set(run("scenarios", "keys").split())
    assert complete_key("arrivals.r") == ["arrivals.rate_per_s"]


def write_trace(path, requests):
    """Requests 0.5 s apart, which last requests / 2 s."""
    rows = "".join(f"{0.5 * row},{100 + row},{20 + row}\n" for row in range(requests))
    path.write_text("arrival_s,prompt_tokens,output_tokens\n" + rows)


def test_a_trace_names_the_longest_horizon_that_repeats_no_request(tmp_path):
    """At 4/s, 400 requests last 100 s: 25 epochs of 4 s, of which one comes before the first decision."""
    write_trace(tmp_path / "mine.csv", 400)
    output = run("trace", tmp_path / "mine.csv", "--rate", "4")
    assert load_scenario("multi-node").epoch_s == 4.0
    assert "the file lasts 100 s; up to horizon_epochs=24, no episode has a request twice" in " ".join(output.split())
    write_trace(tmp_path / "few.csv", 15)
    output = run("trace", tmp_path / "few.csv", "--rate", "4")
    assert "the file lasts 3.75 s, so that every episode repeats it" in " ".join(output.split())


def test_misspelt_columns_of_a_trace_get_a_suggestion(tmp_path, monkeypatch, capsys):
    write_trace(tmp_path / "mine.csv", 3)
    for columns, hint in (
        ("prompt_tokens=prompt_token", "column 'prompt_token' is missing; did you mean 'prompt_tokens'?"),
        ("promt_tokens=prompt_tokens", "unknown key of a trace column 'promt_tokens'; did you mean 'prompt_tokens'?"),
    ):
        given = ["trace", str(tmp_path / "mine.csv"), "--columns", columns]
        assert hint in " ".join(error_of(given, monkeypatch, capsys).split())


def test_the_catalogue_of_an_environment_shows_what_its_scenario_uses():
    words = run("catalogue", "hardware", "--env", "EdgeLLM/MultiNode-v0").split()
    assert {"nvidia-l4", "jetson-agx-orin"} <= set(words)
    assert "nvidia-h200" not in words


def test_shown_yaml_is_the_scenario_and_takes_overrides(tmp_path):
    for name in scenario_names():
        path = tmp_path / f"{name}.yaml"
        path.write_text(run("scenarios", "show", name))
        assert load_scenario(path) == load_scenario(load_scenario(path).model_dump())
        assert load_scenario(path).model_dump(mode="json") == load_scenario(name).model_dump(mode="json")
    out = tmp_path / "new" / "mine.yaml"
    output = run("scenarios", "show", "multi-node", "--set", "arrivals.rate_per_s=8", "--out", out)
    assert output == f"wrote {out}\n"
    assert load_scenario(out).arrivals.rate_per_s == 8.0


NODE = "{name: edge-5, hardware: nvidia-l4, position_m: [0, 0], uplink_hz: 1.0e+6, downlink_hz: 1.0e+6}"


@pytest.mark.parametrize("override", [f"nodes.4={NODE}", f"nodes+={NODE}"])
def test_overrides_append_nodes(override):
    scenario = load_scenario("multi-node", read_overrides([override]))
    assert [node.name for node in scenario.nodes][3:] == ["orin-rtn", "edge-5"]


def test_repeated_appends_are_collected():
    assert read_overrides(["a+=1", "a+=[2, 3]", "b=4", "b=5"]) == {"a+": [1, 2, 3], "b": 5}


def test_errors_of_an_appended_node_name_its_path():
    with pytest.raises(ValueError, match=r"nodes\.4\.hardware: this key is required"):
        load_scenario("multi-node", read_overrides(["nodes+={name: x, position_m: [0, 0]}"]))
    with pytest.raises(ValueError, match=r"'model\.preset' addresses .* 'llama-3-8b'; set 'model' itself"):
        load_scenario("multi-node", read_overrides(["model.preset=x"]))
    with pytest.raises(ValueError, match="nodes: must have at least 1 item, got 0"):
        load_scenario("multi-node", read_overrides(["nodes=[]"]))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_scenario_chooses_its_environment(environment, tmp_path):
    own = ENVIRONMENTS[environment]
    assert environment_of(None, own) == environment
    assert environment_of("EdgeLLM/MultiNode-v0", own) == "EdgeLLM/MultiNode-v0"
    path = tmp_path / "mine.yaml"
    path.write_text(run("scenarios", "show", own))
    assert environment_of(None, str(path)) == environment


def test_without_a_scenario_the_default_environment_is_chosen():
    assert environment_of(None, None) == DEFAULT_ENVIRONMENT
    assert environment_of(None, "paper-single-node") == "EdgeLLM/SingleNode-v0"


def test_own_experts_are_those_of_the_environments_pages():
    own = {name.split("/")[1]: own_expert(load_scenario(source)) for name, source in ENVIRONMENTS.items()}
    assert own == {
        "SingleNode-v0": "dftsp",
        "MultiNode-v0": "ot-gah",
        "EarlyExit-v0": "dto-ee",
        "Joint-v0": "ot-gah+dto-ee",
        "Continuous-v0": "ot-gah",
    }


def test_an_unknown_policy_lists_those_of_the_environment_alone():
    scenario = load_scenario("early-exit")
    with pytest.raises(ValueError, match="unknown policy 'zzz'; choose one of") as raised:
        policy_sources(["zzz"], scenario)
    assert "dto-ee" in str(raised.value)
    assert "ot-gah" not in str(raised.value)
    with pytest.raises(ValueError, match="policy 'ot-gah' does not serve the dynamics 'streaming'; choose one of"):
        policy_sources(["ot-gah"], scenario)


def test_values_are_completed(tmp_path, monkeypatch):
    assert complete_environment("EdgeLLM/S") == complete_environment("Single") == ["EdgeLLM/SingleNode-v0"]
    assert [name for name, _ in complete_policies("edf,ot-gah+f")] == ["edf,ot-gah+fixed-threshold"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "multi.yaml").write_text("")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.yaml").write_text("")
    (tmp_path / "more" / "a.csv").write_text("")
    assert complete_scenario("mu") == ["multi-node", "multi.yaml"]
    assert complete_scenario("more/") == ["more/a.yaml"]
    assert complete_scenario("no/such/folder/") == []


def test_the_shell_completes_values():
    asked = {"_EDGE_LLM_GYM_COMPLETE": "complete_bash", "COMP_WORDS": "edge-llm-gym compare --env EdgeLLM/S"}
    result = runner.invoke(app, [], env={**asked, "COMP_CWORD": "3"}, prog_name="edge-llm-gym")
    assert result.output.split() == ["EdgeLLM/SingleNode-v0"]


@pytest.mark.parametrize("path", ["no[/red]such[conv].csv", "no-such.csv"])
def test_missing_files_are_named_without_the_number_of_the_error(path, monkeypatch, capsys):
    error = error_of(["trace", path], monkeypatch, capsys)
    assert error == f"error: '{path}': No such file or directory; check the path and its permissions\n"


@pytest.mark.parametrize(
    "words",
    [
        ["compare", "-p", "ex[/red]pert"],
        ["scenarios", "validate", "mine[/red].yaml"],
        ["compare", "--set", "a[/red]=1"],
        ["calibrate", "--experts", "a[/red]", "-n", "1"],
    ],
)
def test_errors_show_brackets(words, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert "[/red]" in error_of(words, monkeypatch, capsys)


def test_help_shows_brackets_and_every_command():
    for command in ("compare", "render", "trace", "policies"):
        assert command in run("--help")
    assert "'nodes+={...}'" in " ".join(run("compare", "--help").replace("│", " ").split())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="pipes of a shell")
def test_a_reader_that_ends_early_is_no_error():
    command = f"{sys.executable} -m edge_llm_gym catalogue | head -1"
    result = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=120)
    assert result.stderr == ""


def test_comparisons_stay_picklable():
    from edge_llm_gym.evaluation import Comparison

    comparison = Comparison("EdgeLLM/MultiNode-v0", (0,), {"edf": ({"served_value": 1.0},)})
    assert pickle.loads(pickle.dumps(comparison)) == comparison
