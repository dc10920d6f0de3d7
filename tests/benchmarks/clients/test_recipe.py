"""What runs in the environment of a client: constants are replaced, and returns are those of the recipe."""

import ast
import json
import subprocess
import sys

import gymnasium
import numpy as np
import pytest

from benchmarks.clients import recipe

SOURCE = '''"""Text."""
import gymnasium
import edge_llm_gym  # registers the ids
from edge_llm_gym.env import flat

ID = "EdgeLLM/SingleNode-Flat-v0"
STEPS = 7
NAME = f"{ID}-{STEPS}"
made = NAME
'''


def unparsed(statements):
    return [ast.unparse(statement) for statement in statements]


def test_imports_and_literals_come_first_and_the_rest_keeps_its_order():
    imports, body = recipe.parts(SOURCE, {})
    assert unparsed(imports)[:3] == ["import gymnasium", "import edge_llm_gym", "from edge_llm_gym.env import flat"]
    assert unparsed(imports)[3:] == ["ID = 'EdgeLLM/SingleNode-Flat-v0'", "STEPS = 7"]
    assert unparsed(body)[1:] == ["NAME = f'{ID}-{STEPS}'", "made = NAME"]


def test_a_control_has_other_constants_and_no_import_of_the_package():
    imports, _ = recipe.parts(SOURCE, {"ID": "CartPole-v1", "STEPS": 2}, imports_package=False)
    assert "import edge_llm_gym" not in unparsed(imports)
    assert unparsed(imports)[-2:] == ["ID = 'CartPole-v1'", "STEPS = 2"]


def test_a_constant_that_a_recipe_lacks_cannot_be_changed():
    with pytest.raises(ValueError, match=r"no constants \['NAME', 'SIZE'\]"):
        recipe.parts(SOURCE, {"SIZE": 1, "NAME": "x"})


def cart_pole_return(act, seed):
    env, total = gymnasium.make("CartPole-v1"), 0.0
    observation, _ = env.reset(seed=seed)
    while True:
        observation, reward, terminated, truncated, _ = env.step(act(observation))
        total += reward
        if terminated or truncated:
            return total


def test_returns_are_those_of_the_policy_that_the_recipe_leaves(tmp_path):
    path = tmp_path / "lean.py"
    path.write_text('ID = "CartPole-v1"\nSTEPS = 3\n\ndone = STEPS\nRETURNS = {"other": done}\n'
                    "def act(observation):\n    return int(observation[2] > 0)\n")  # fmt: skip
    result = recipe.run(path, {"STEPS": 5})
    seeds = range(recipe.FIRST_SEED, recipe.FIRST_SEED + recipe.EPISODES)
    expected = np.mean([cart_pole_return(lambda observed: int(observed[2] > 0), seed) for seed in seeds])
    assert result["returns"]["trained"] == pytest.approx(expected)
    assert result["returns"]["trained"] > result["returns"]["random"] > 1
    assert (result["returns"]["other"], result["steps"], result["environment"]) == (5, 5, "CartPole-v1")
    assert "zeros" not in result["returns"]
    assert result["versions"]["gymnasium"] == gymnasium.__version__
    assert not [name for name in result["versions"] if "_" in name]


def test_vectors_of_zeros_are_a_reference_of_continuous_actions():
    (found,) = recipe.untrained("Pendulum-v1", {}).values()
    assert found == pytest.approx(recipe.mean_return("Pendulum-v1", {}, lambda observation: np.zeros(1, np.float32)))
    assert found != pytest.approx(recipe.mean_return("Pendulum-v1", {}, None))


TRAINING = """
import gymnasium

ID = "CartPole-v1"
STEPS = 40

env, log = gymnasium.make(ID), []
env.action_space.seed(1)
for _ in range(3):
    env.reset(seed=5)
    ended, steps = False, 0
    while not ended:
        *_, terminated, truncated, info = env.step(env.action_space.sample())
        ended, steps = terminated or truncated, steps + 1
    log.append(steps)
    assert "episode" not in info
env.reset()
env.step(0)  # of an episode that does not end
RETURNS = {f"steps {number}": steps for number, steps in enumerate(log)}


def act(observation):
    return int(observation[2] > 0)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The working directory, with the file of an earlier training."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / recipe.RECORDED).write_text("7,7.0\n")
    return tmp_path


def test_the_curve_has_the_episodes_of_the_training_and_no_others(place):
    """Those of the returns before and after it are not in the curve; of CartPole, the return is the length."""
    (place / "recipe_.py").write_text(TRAINING)
    result = recipe.run(place / "recipe_.py", {})
    lengths = [result["returns"][f"steps {number}"] for number in range(3)]
    assert result["curve"] == {"steps": list(np.cumsum(lengths)), "returns": lengths}
    assert gymnasium.spec("CartPole-v1").additional_wrappers == ()


def test_a_client_that_runs_as_a_script_is_recorded(place):
    """CleanRL's files are run by runpy in place of __main__, which is the module of the runner itself."""
    (place / "script.py").write_text(TRAINING)
    (place / "recipe_.py").write_text(
        "import runpy\n\nID = 'CartPole-v1'\nSTEPS = 40\n\nrunpy.run_path('script.py', run_name='__main__')\n"
    )
    command = [sys.executable, "-P", recipe.__file__, "recipe_.py"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=True)
    assert len(json.loads(done.stdout.splitlines()[-1])["curve"]["steps"]) == 3


def test_a_recipe_that_trains_no_steps_has_no_curve_and_makes_native_rows(place):
    rows = "gymnasium.make_vec(ID, 2, vectorization_mode='vector_entry_point')"
    (place / "recipe_.py").write_text(f"{TRAINING.replace('STEPS = 40', '')}\nCHECKED = {rows}.num_envs\n")
    result = recipe.run(place / "recipe_.py", {})
    assert (result["curve"], result["checked"]) == ({}, 2)


def test_a_recorded_id_may_have_the_prefix_of_its_module(place):
    with recipe.recorded("gymnasium:Pendulum-v1", place / "own.csv"):
        env = gymnasium.make("gymnasium:Pendulum-v1", max_episode_steps=3)
    env.reset(seed=0)
    rewards = [env.step(np.zeros(1, np.float32))[1] for _ in range(3)]
    (row,) = (place / "own.csv").read_text().splitlines()
    length, value = row.split(",")
    assert (int(length), float(value)) == (3, pytest.approx(sum(rewards)))


def test_files_of_monitor_are_merged_by_the_time_at_which_episodes_end(place):
    (place / recipe.RECORDED).unlink()
    assert recipe.curve(place) == {}
    (place / "logs" / "a").mkdir(parents=True)
    (place / "logs" / "a" / "0.monitor.csv").write_text('#{"t_start": 1}\nr,l,t\n1.5,10,0.2\n3.5,30,0.9\n')
    (place / "logs" / "a" / "1.monitor.csv").write_text('#{"t_start": 1}\nr,l,t\n2.5,20,0.4\n')
    assert recipe.curve(place) == {"steps": [10, 30, 60], "returns": [1.5, 2.5, 3.5]}


def test_the_last_line_is_the_result(tmp_path, capsys):
    path = tmp_path / "quick.py"
    path.write_text('ID = "CartPole-v1"\nCHECKED = "all of it"\nprint("noise", end="")\n')
    assert recipe.main([str(path), "--control", "Acrobot-v1"]) == 0
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["environment"], line["checked"], line["steps"]) == ("Acrobot-v1", "all of it", None)


def test_a_control_has_none_of_the_settings(place, capsys):
    source = "import gymnasium\n\nID = 'Unknown-v0'\nSETTINGS = {'codec': 'priority'}\nSTEPS = 40\n\n"
    (place / "recipe_.py").write_text(source + "env = gymnasium.make(ID, **SETTINGS)\n")
    assert recipe.main(["recipe_.py", "--control", "CartPole-v1"]) == 0
    assert json.loads(capsys.readouterr().out)["environment"] == "CartPole-v1"
    assert recipe.unset("SETTINGS = {'a': 1}\n") == {"SETTINGS": {}}
    assert recipe.unset("STEPS = 1\n") == {}
