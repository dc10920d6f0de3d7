"""`edge-llm-gym describe`, as a user types it."""

import pytest
from typer.testing import CliRunner

from edge_llm_gym import cli
from edge_llm_gym.cli import app

runner = CliRunner()


def run(*words) -> str:
    result = runner.invoke(app, ["describe", *words], catch_exceptions=False, env={"COLUMNS": "100"})
    assert result.exit_code == 0, result.output
    return result.output


def test_tables_are_those_of_the_scenario_with_its_overrides():
    text = run("EdgeLLM/EarlyExit-v0", "--set", "devices.count=7", "--part", "observation")
    assert "[D=7]" in text
    assert "exit_confidence" in text
    assert "info" not in text.splitlines()[2]
    assert "Outcome.SERVED" in run("--scenario", "joint", "--part", "info.outcomes")


def test_unknown_parts_are_refused(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["edge-llm-gym", "describe", "--part", "observations"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    assert "unknown table 'observations'; did you mean 'observation'?" in " ".join(capsys.readouterr().err.split())
