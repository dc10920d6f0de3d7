"""The command line of the scripts: how a run starts, and errors in one message."""

import argparse
from importlib import import_module

import pytest

from agents.command import add_run, chosen_run, configuration

CONFIG = "configs/agents/ppo-multi-node.yaml"


def chosen(*arguments):
    parser = argparse.ArgumentParser()
    add_run(parser, "a file")
    return chosen_run(parser.parse_args(arguments))


def test_how_a_run_starts(tmp_path):
    (tmp_path / "config.yaml").write_text(
        "environment: {id: EdgeLLM/MultiNode-v0}\ncodec: {name: priority}\nsteps: 7\n"
    )
    config, folder, start = chosen(CONFIG)
    assert (folder.as_posix(), start) == ("runs/ppo-multi-node", "new")
    assert chosen(CONFIG, "--out", str(tmp_path), "--overwrite")[1:] == (tmp_path, "overwrite")
    config, folder, start = chosen("--resume", str(tmp_path), "--set", "rows=3")
    assert (config.steps, config.rows, folder, start) == (7, 3, tmp_path, "resume")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name a configuration file, or a run to resume"),
        (("--resume", "nowhere"), "no run to resume in nowhere"),
        ((CONFIG, "--resume", "x", "--overwrite"), "neither --out nor --overwrite"),
        ((CONFIG, "--resume", "x", "--out", "y"), "neither --out nor --overwrite"),
    ],
)
def test_starts_that_contradict_themselves_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        chosen(*arguments)


@pytest.mark.parametrize("text", ["rows", "=3", "rows=[", "rows={a"])
def test_malformed_settings_are_refused(text):
    with pytest.raises(ValueError, match="--set"):
        configuration(CONFIG, [text])


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        ("train", [CONFIG, "--out", "/dev/null/run", "--set", "steps=0"], "cannot write into folder"),
        ("train", [CONFIG, "--set", "steps=-1"], "steps: "),
        ("train", [CONFIG, "--set", "environment.id=CartPole-v1"], "unknown environment"),
        ("imitate", [CONFIG], "no section `imitation`"),
        ("imitate", [CONFIG, "--set", "imitation.expert=edf", "--set", "imitation.rounds=0"], "imitation.rounds: "),
        ("train", ["nowhere.yaml"], "there is no configuration file 'nowhere.yaml'"),
        ("plot_search", ["nowhere", "--out", "a.png"], "error: 'nowhere/search.json': No such file or directory; ch"),
        ("evaluate", ["nowhere/best.zip"], "no trained policy at 'nowhere/best.zip'"),
        ("record", ["ot-gah", "--env", "EdgeLLM/MultiNode-v0", "--out", "/dev/null/a.gif"], "cannot write into folder"),
        ("record", ["ot-gah", "--env", "EdgeLLM/MultiNode-v0", "--out", "a.jpg"], "ends with .gif, got 'a.jpg'"),
        ("length_predictions", ["--quick", "--out", "/dev/null"], "cannot write into folder"),
    ],
)
def test_errors_of_the_user_are_one_message(script, arguments, message, capsys):
    assert import_module(f"scripts.{script}").main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert "[Errno" not in error


@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        ("imitate", [CONFIG, "--episodes", "0"]),
        ("evaluate", ["best.zip", "--seeds", "0"]),
        ("evaluate", ["best.zip", "--first-seed", "-1"]),
        ("record", ["edf", "--epochs", "0"]),
        ("record", ["edf", "--frame-ms", "0"]),
        ("record", ["edf", "--seed", "-1"]),
        ("length_predictions", ["--seeds", "0"]),
        ("length_predictions", ["--jobs", "0"]),
    ],
)
def test_counts_out_of_range_are_refused(script, arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        import_module(f"scripts.{script}").main(arguments)
    assert ended.value.code == 2
    assert "takes a whole number of at least" in capsys.readouterr().err
