"""An installed package without the checkout: trained and linear policies load and act, and `agents` is not needed."""

import subprocess
import sys
from pathlib import Path

import edge_llm_gym
from agents.training import train
from edge_llm_gym.linear import make_linear
from edge_llm_gym.scenario import load_scenario

SIZE = {"slots": 6, "horizon_epochs": 10}
WITHOUT_CHECKOUT = """
import sys
from importlib.util import find_spec
from pathlib import Path
folder, trained, linear = sys.argv[1:]
sys.path[:] = [folder, *(path for path in sys.path if path and not (Path(path) / "agents").is_dir())]
assert find_spec("agents") is None, "the checkout is still on sys.path"
"""
LOADING = """
import gymnasium
import edge_llm_gym
from edge_llm_gym.evaluation.policies import trained_policy_factory
assert Path(edge_llm_gym.__file__).is_relative_to(folder)
env = gymnasium.make("EdgeLLM/MultiNode-v0", overrides={"slots": 6, "horizon_epochs": 10})
observation, _ = env.reset(seed=0)
assert "torch" not in sys.modules
from edge_llm_gym.sb3 import load_policy
for policy in (trained_policy_factory(linear)(env), load_policy(trained, env), trained_policy_factory(trained)(env)):
    action, _ = policy.predict(observation, deterministic=True)
    print((action["batch"] > 0).sum())
    env.step({key: value.astype(env.action_space[key].dtype) for key, value in action.items()})
assert "torch" in sys.modules
"""
NO_LIBRARY = """
import builtins
find = builtins.__import__
def refuse(name, *rest, **more):
    if name.split(".")[0] in ("torch", "stable_baselines3", "sb3_contrib"):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name.split(".")[0])
    return find(name, *rest, **more)
builtins.__import__ = refuse
from edge_llm_gym.evaluation.policies import policy_sources
from edge_llm_gym.sb3.description import describe
print(describe(Path(trained)).codec.name)
policy_sources([linear])
policy_sources([trained])
"""


def installed(tmp_path: Path, code: str, *paths: Path) -> subprocess.CompletedProcess[str]:
    """Runs code in an empty folder; of the project, sys.path holds `edge_llm_gym` alone."""
    folder, empty = tmp_path / "site", tmp_path / "empty"
    for made in (folder, empty):
        made.mkdir()
    # A link, so that compiled kernels are found in the cache beside the sources.
    (folder / "edge_llm_gym").symlink_to(Path(edge_llm_gym.__file__).parent)
    command = [sys.executable, "-c", WITHOUT_CHECKOUT + code, str(folder), *map(str, paths)]
    return subprocess.run(command, cwd=empty, env={}, capture_output=True, text=True, timeout=300, check=False)


def saved(tiny, tmp_path: Path) -> tuple[Path, Path]:
    """Archives of a trained and of a linear policy."""
    train(tiny(steps=12), tmp_path / "run")
    linear = tmp_path / "linear.zip"
    make_linear(load_scenario("multi-node", SIZE)).save(linear)
    return tmp_path / "run" / "model.zip", linear


def test_policies_act_without_the_checkout(tiny, tmp_path):
    result = installed(tmp_path, LOADING, *saved(tiny, tmp_path))
    assert result.returncode == 0, result.stderr
    admitted = [int(line) for line in result.stdout.split()]
    assert len(admitted) == 3
    assert admitted[0] > 0
    assert admitted[1] == admitted[2] > 0


def test_a_missing_extra_is_named_where_a_network_is_loaded(tiny, tmp_path):
    result = installed(tmp_path, NO_LIBRARY, *saved(tiny, tmp_path))
    assert result.returncode != 0
    assert result.stdout.split() == ["priority"]
    assert "not installed: pip install 'edge-llm-gym[agents]'" in result.stderr.splitlines()[-1]
