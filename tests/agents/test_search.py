"""Cross-entropy search for linear policies."""

import json
import os
import re
import signal

import gymnasium
import numpy as np
import pytest

import edge_llm_gym  # noqa: F401  registers the ids
from agents.search import HELD_OUT, Search, SearchConfig, search
from edge_llm_gym.evaluation import compare
from edge_llm_gym.linear import load_linear
from edge_llm_gym.scenario import load_scenario
from scripts.search import main

SCENARIOS = {"EdgeLLM/EarlyExit-v0": "early-exit", "EdgeLLM/MultiNode-v0": "multi-node"}
TINY = {"generations": 2, "population": 4, "elite": 2, "rows": 1, "held_out": 2}


@pytest.mark.parametrize("environment", SCENARIOS)
def test_a_search_repeats_with_its_seed_and_reports_each_generation(environment):
    reports = []
    first = search(SearchConfig(**TINY, environment=environment), lambda *figures: reports.append(figures))
    again = search(SearchConfig(**TINY, environment=environment))
    other = search(SearchConfig(**TINY, environment=environment, seed=1))
    np.testing.assert_array_equal(first.parameters, again.parameters)
    assert not np.array_equal(first.parameters, other.parameters)
    assert [generation for generation, *_ in reports] == [0, 1]
    assert all(best >= mean for _, mean, best, _ in reports)


def test_a_search_improves():
    """With a spread that covers bad parameters too, later generations score more than the first on average."""
    means = []
    settings = {"generations": 4, "population": 10, "elite": 3, "rows": 4, "spread": 1.0, "held_out": 1}
    search(SearchConfig(**settings), lambda generation, mean, *_: means.append(mean))
    assert np.mean(means[-2:]) > means[0]


def test_held_out_tapes_are_fixed_and_do_not_affect_the_search():
    reports, fewer = [], []
    policy = search(SearchConfig(**TINY), lambda *figures: reports.append(figures))
    again = search(SearchConfig(**TINY | {"held_out": 1}), lambda *figures: fewer.append(figures))
    np.testing.assert_array_equal(policy.parameters, again.parameters)
    scenario = load_scenario("early-exit")
    returns = [episode_return(scenario, policy, HELD_OUT + tape) for tape in range(2)]
    assert reports[-1][3] == pytest.approx(np.mean(returns))
    assert fewer[-1][3] == pytest.approx(returns[0])


def episode_return(scenario, policy, seed):
    env = gymnasium.make("EdgeLLM/EarlyExit-v0")
    observation, _ = env.reset(seed=seed)
    total = 0.0
    for _ in range(scenario.horizon_epochs):
        observation, reward, *_ = env.step(policy.predict(observation)[0])
        total += reward
    return total


@pytest.mark.parametrize("environment", SCENARIOS)
def test_compare_reads_the_output_of_the_command(environment, tmp_path):
    settings = TINY | {"environment": environment}
    assert (
        main(
            [*(f"--{name.replace('_', '-')}={value}" for name, value in settings.items()), f"--out={tmp_path / 'run'}"]
        )
        == 0
    )
    path = tmp_path / "run" / "linear.zip"
    loaded = load_linear(path, load_scenario(SCENARIOS[environment]))
    np.testing.assert_array_equal(loaded.parameters, search(SearchConfig(**settings)).parameters)
    table = compare(environment, [str(path), "random"], seeds=[0], overrides={"horizon_epochs": 5})
    assert set(table.policies) == {str(path), "random"}
    assert len((tmp_path / "run" / "progress.csv").read_text().splitlines()) == 3


CUT = TINY | {"generations": 4, "environment": "EdgeLLM/EarlyExit-v0"}


def command(folder, *options, **changes) -> int:
    settings = (f"--{name.replace('_', '-')}={value}" for name, value in (CUT | changes).items())
    return main([*settings, f"--out={folder}", *options])


def texts(folder) -> list[bytes]:
    return [(folder / name).read_bytes() for name in ("state.json", "search.json", "progress.csv")]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_an_interrupted_search_keeps_its_generations_and_continues(number, status, tmp_path, monkeypatch, capsys):
    advance = Search.advance

    def interrupted(self, state):
        if state.generation == 2:
            os.kill(os.getpid(), number)
        return advance(self, state)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background
    with monkeypatch.context() as patched:
        patched.setattr(Search, "advance", interrupted)
        assert command(tmp_path / "cut") == status
    signal.signal(signal.SIGINT, before)
    assert "Traceback" not in capsys.readouterr().err
    assert json.loads((tmp_path / "cut" / "state.json").read_text())["generation"] == 2
    assert len((tmp_path / "cut" / "progress.csv").read_text().splitlines()) == 3
    load_linear(tmp_path / "cut" / "linear.zip", load_scenario("early-exit"))
    assert command(tmp_path / "cut") == command(tmp_path / "whole") == 0
    assert texts(tmp_path / "cut") == texts(tmp_path / "whole")
    policies = [load_linear(tmp_path / name / "linear.zip", load_scenario("early-exit")) for name in ("cut", "whole")]
    np.testing.assert_array_equal(policies[0].parameters, policies[1].parameters)


def test_a_finished_search_is_not_repeated_and_another_one_is_refused(tmp_path, monkeypatch, capsys):
    assert command(tmp_path, generations=1) == 0
    kept = texts(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Search, "advance", None)
        assert command(tmp_path, generations=1) == 0
    assert command(tmp_path, generations=1, seed=1) == 2
    assert "seed 0 instead of 1" in (message := capsys.readouterr().err)
    assert "--overwrite" in message
    assert texts(tmp_path) == kept
    assert command(tmp_path, "--overwrite", generations=1, seed=1) == 0
    assert json.loads((tmp_path / "search.json").read_text())["seed"] == 1


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("state.json", lambda text: text[:40], "cannot be read"),
        (
            "state.json",
            lambda text: text.replace('"mean": [', '"mean": [0.5, '),
            "cannot be read.*takes a linear policy",
        ),
        ("state.json", lambda text: text.replace('"PCG64"', '"MT"'), "cannot be read"),
        ("state.json", None, "in the way: there is no state.json"),
    ],
)
def test_a_damaged_state_is_refused(name, change, message, tmp_path, capsys):
    assert command(tmp_path, generations=1) == 0
    text = (tmp_path / name).read_text()
    (tmp_path / name).unlink()
    if change is not None:
        assert change(text) != text
        (tmp_path / name).write_text(change(text))
    capsys.readouterr()
    assert command(tmp_path, generations=1) == 2
    error = capsys.readouterr().err
    assert re.search(message, error)
    assert "--overwrite" in error


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"elite": 8, "population": 4}, "elite: takes at most the population, 4, got 8"),
        ({"environment": "EdgeLLM/MultiNod-v0"}, "did you mean 'EdgeLLM/MultiNode-v0'"),
        ({"environment": "CartPole-v1"}, "unknown environment 'CartPole-v1'"),
        ({"generations": 0}, "generations: .*greater than or equal to 1.*got 0"),
        ({"rows": 0}, "rows: .*got 0"),
        ({"held_out": 0}, "held_out: .*got 0"),
        ({"spread": "nan"}, "spread: "),
        ({"spread": "inf"}, "spread: .*finite"),
        ({"first_seed": -1}, "first_seed: .*got -1"),
        ({"first_seed": HELD_OUT - 2}, "held-out tapes 2500000 to 2500001; choose them without a common tape"),
        ({"first_seed": 10**30}, "first_seed: "),
        ({"out": "/dev/null/search"}, "cannot write into folder"),
    ],
)
def test_settings_that_cannot_work_are_refused_in_one_message(changes, message, tmp_path, capsys):
    out = changes.pop("out", tmp_path / "run")
    assert command(out, **changes) == 2
    error = capsys.readouterr().err
    assert re.search(message, error)
    assert "Traceback" not in error
    assert not (tmp_path / "run").exists()
