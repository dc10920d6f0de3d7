"""Recipes run within limits, and their faults are told in one line."""

import json
import os
import sys
import time
from pathlib import Path

import pytest

from benchmarks.clients import trials
from benchmarks.clients.clients import CLIENTS, Recipe

LINE = {"environment": "X-v0", "returns": {"random": 1.0, "trained": 2.0}, "cpu_s": 1.0, "checked": ""}


def run(code, place, limit_s=30.0):
    return trials.run_limited([sys.executable, "-c", code], place, "log.txt", limit_s)


def test_output_is_returned_and_logged_with_one_thread_and_a_store_of_data_sets(tmp_path):
    said = run(
        "import os; print(os.environ['OMP_NUM_THREADS'], os.environ['MINARI_DATASETS_PATH'], os.getcwd())", tmp_path
    )
    assert said.split() == ["1", str(tmp_path / "datasets"), str(tmp_path)]
    assert (tmp_path / "log.txt").read_text() == said
    (tmp_path / "datasets" / "old").mkdir(parents=True)
    assert run("import os; print(os.path.exists('datasets/old'))", tmp_path).split() == ["False"]


def test_a_failure_has_the_message_of_the_client(tmp_path):
    with pytest.raises(trials.RecipeError, match=r"^status 1: KeyError: 'lost'; see .*log\.txt$"):
        run("raise KeyError('lost')", tmp_path)


def test_a_limit_ends_the_processes_that_were_started_too(tmp_path):
    code = (
        "import subprocess, sys; child = subprocess.Popen(['sleep', '60']); print(child.pid, flush=True); child.wait()"
    )
    begin_s = time.monotonic()
    with pytest.raises(trials.RecipeError, match=r"took more than 2 s"):
        run(code, tmp_path, limit_s=2)
    assert time.monotonic() - begin_s < 20
    assert is_gone(int((tmp_path / "log.txt").read_text()))


def test_processes_left_behind_are_ended(tmp_path):
    child = int(run("import subprocess; print(subprocess.Popen(['sleep', '60']).pid)", tmp_path))
    assert is_gone(child)


def is_gone(process, patience_s=5.0):
    """Whether a process ends within some seconds; one whose status is not read stays as a zombie and has ended."""
    end_s = time.monotonic() + patience_s
    while time.monotonic() < end_s:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        stat = Path(f"/proc/{process}/stat")
        if stat.is_file() and stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_the_last_result_in_the_output_counts():
    said = "\n".join([json.dumps(LINE | {"cpu_s": 5.0}), "noise", json.dumps(LINE), "{not this}"])
    assert trials.result_line(said) == LINE
    with pytest.raises(trials.RecipeError, match=r"^printed no result: bye$"):
        trials.result_line("hello\nbye\n\n")
    assert trials.last_words("\n") == "no output"


@pytest.mark.parametrize(("trained", "fault"), [(1.5, ""), (1.0, "return 1.0 after training, 1.0 of random actions")])
def test_a_policy_must_be_better_than_random_actions(trained, fault):
    assert trials.worse_than_random({"returns": {"random": 1.0, "trained": trained}}) == fault
    assert trials.worse_than_random({"returns": {"random": 1.0}}) == ""


@pytest.fixture
def recipes(tmp_path, monkeypatch):
    """A folder of recipes; those that are written there are tried."""
    monkeypatch.setattr(trials, "RECIPES", tmp_path)
    place = tmp_path / "place"
    place.mkdir()
    return lambda name, text: (tmp_path / f"{name}.py").write_text(text)


POLICY = "def act(observation):\n    return int(observation[2] > 0)\n"


def test_a_recipe_also_runs_on_its_control(recipes, tmp_path):
    recipes("lean", f'ID = "CartPole-v1"\nSTEPS = 3\nprint("on", ID, STEPS)\n{POLICY}')
    trial = trials.try_recipe("own", Recipe("lean", "CartPole-v0"), Path(sys.executable), tmp_path / "place", 60)
    assert (trial.fault, trial.control, trial.line["environment"]) == ("", "CartPole-v0", "CartPole-v1")
    assert "on CartPole-v0 2048" in (tmp_path / "place" / "control.txt").read_text()


def test_a_recipe_without_steps_runs_on_its_control_too(recipes, tmp_path):
    recipes("still", 'ID = "CartPole-v1"\nprint("on", ID)\n')
    trial = trials.try_recipe("own", Recipe("still", "CartPole-v0"), Path(sys.executable), tmp_path / "place", 60)
    assert (trial.fault, trial.control) == ("", "CartPole-v0")


def test_a_recipe_that_needs_more_than_the_id_on_its_control_is_a_fault(recipes, tmp_path):
    recipes("tied", f'ID = "CartPole-v1"\nSTEPS = 3\nassert ID == "CartPole-v1", "glue"\n{POLICY}')
    trial = trials.try_recipe("own", Recipe("tied", "CartPole-v0"), Path(sys.executable), tmp_path / "place", 60)
    assert trial.fault.startswith("status 1: AssertionError: glue")
    assert trial.line == {}


@pytest.mark.parametrize("name", [recipe.name for client in CLIENTS.values() for recipe in client.recipes])
def test_recipes_have_a_title_an_environment_and_steps_only_where_they_train(name):
    from benchmarks.clients.recipe import parts

    source = (trials.RECIPES / f"{name}.py").read_text("utf-8")
    assert source.startswith('"""')
    imports, body = parts(source, {"ID": "CartPole-v1"})
    assert body
    assert imports
