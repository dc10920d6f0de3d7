"""The scripts of examples/ run, in a short form."""

import importlib

import pytest

SHORT = {
    "compare_policies": {"seeds": 2, "epochs": 3},
    "dagger": {"rounds": 2, "steps": 2, "passes": 1, "seeds": 1},
    "make_and_step": {"epochs": 3},
    "multiagent_ppo": {"iterations": 2, "steps": 3, "copies": 1, "seeds": 1, "epochs": 3},
    "live_schedule": {"requests": 8, "decisions": 2},
    "own_policy": {"seeds": 1, "epochs": 3},
    "own_scenario_and_trace": {"seeds": 1},
    "train_sb3": {"steps": 1024, "seeds": 1, "epochs": 3},
}
NEEDS = {
    "dagger": {"torch": "agents"},
    "multiagent_ppo": {"torch": "agents", "pettingzoo": "multiagent"},
    "train_sb3": {"stable_baselines3": "agents"},
}


@pytest.mark.parametrize("name", SHORT)
def test_an_example_prints_its_results(name, capsys):
    for library, extra in NEEDS.get(name, {}).items():
        pytest.importorskip(library, reason=f"needs the extra {extra!r}")
    importlib.import_module(f"examples.{name}").main(**SHORT[name])
    assert "served" in capsys.readouterr().out
