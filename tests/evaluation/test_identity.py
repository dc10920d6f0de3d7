"""What tells two comparisons apart: contents of files, state and code of policies, settings, the package."""

import shutil
from functools import partial

import pytest

import edge_llm_gym
from edge_llm_gym.evaluation.identity import identity_of, package_identity, policy_identity, scenario_identity
from edge_llm_gym.evaluation.policies import PolicySource, policy_sources
from edge_llm_gym.experts import make_expert
from edge_llm_gym.linear import LinearBatching
from edge_llm_gym.scenario import load_scenario

TRACE = "arrival_s,prompt_tokens,output_tokens\n0,10,5\n1,20,6\n3,30,7\n"


class Limited:
    """A policy with a setting."""

    def __init__(self, limit):
        self.limit = limit

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        return None, state


def expert(name, env):
    return make_expert(name, env)


def identified(policy):
    return policy_identity(PolicySource("policy", policy))


def replayed(file):
    arrivals = {"process": "trace", "file": str(file)}
    limits = {"kind": "trace", "max_prompt_tokens": 64, "max_output_tokens": 8}
    return scenario_identity(load_scenario("single-node", {"arrivals": arrivals, "lengths": limits}))


def test_a_trace_is_identified_by_its_content_and_not_by_its_folder(tmp_path):
    first, moved, changed = (tmp_path / name / "mine.csv" for name in "abc")
    for path, text in ((first, TRACE), (moved, TRACE), (changed, TRACE.replace("30,7", "30,8"))):
        path.parent.mkdir()
        path.write_text(text)
    assert replayed(first) == replayed(moved)
    assert replayed(first) != replayed(changed)


def test_a_scenario_is_identified_by_its_values_and_not_by_how_it_is_given():
    named = load_scenario("single-node")
    given = load_scenario(named.model_dump(mode="json", exclude_unset=True))
    assert scenario_identity(named) == scenario_identity(given)
    assert scenario_identity(named) != scenario_identity(load_scenario("single-node", {"epoch_s": 5.0}))


def test_a_trained_policy_is_identified_by_its_content(tmp_path):
    scenario = load_scenario("single-node")
    paths = [tmp_path / f"{name}.zip" for name in ("one", "same", "other")]
    for path, number in zip(paths, (0.0, 0.0, 1.0), strict=True):
        LinearBatching(scenario, [number] * LinearBatching.size(scenario)).save(path)
    shutil.copy(paths[0], paths[1])
    one, same, other = (identified(str(path)) for path in paths)
    assert one == same
    assert one != other


def test_objects_are_identified_by_state_and_code():
    assert identified(Limited(3)) == identified(Limited(3))
    assert identified(Limited(3)) != identified(Limited(4))
    assert identified(Limited) != identified(Limited(3))
    assert identified(partial(expert, "edf")) == identified(partial(expert, "edf"))
    assert identified(partial(expert, "edf")) != identified(partial(expert, "sjf"))


def test_a_module_of_own_policies_is_identified_by_its_text(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    for name, number in (("policy_one", 1), ("policy_same", 1), ("policy_two", 2)):
        (tmp_path / f"{name}.py").write_text(f"NUMBER = {number}\ndef make(env):\n    return None\n")
    sources = policy_sources([f"{name}:make" for name in ("policy_one", "policy_same", "policy_two")])
    one, same, two = (policy_identity(source) for source in sources)
    assert one == same
    assert one != two


def test_a_policy_that_cannot_be_identified_is_refused_with_advice():
    with pytest.raises(ValueError, match=r"policy 'policy' cannot be told from another one.*at the top of a module"):
        identified(lambda env: Limited(3))


def test_the_package_is_identified_by_the_content_of_its_files(tmp_path, monkeypatch):
    for name in ("one", "two"):
        (tmp_path / name / "__pycache__").mkdir(parents=True)
        for file in ("__init__.py", "kernel.py"):
            (tmp_path / name / file).write_text("x = 1\n")
    (tmp_path / "two" / "__pycache__" / "kernel.pyc").write_text("compiled")

    def identity(name):
        monkeypatch.setattr(edge_llm_gym, "__file__", str(tmp_path / name / "__init__.py"))
        return package_identity()

    assert identity("one") == identity("two")
    (tmp_path / "two" / "kernel.py").write_text("x = 2\n")
    assert identity("one") != identity("two")


def test_settings_and_versions_are_part_of_it():
    scenario, sources = load_scenario("single-node"), policy_sources(["edf", ("mine", Limited(3))])
    identity = identity_of("EdgeLLM/SingleNode-v0", scenario, sources, gap_every=2)
    assert identity.settings["gap_every"] == 2
    assert identity.settings["scenario"]["epoch_s"] == scenario.epoch_s
    assert identity.settings["versions"]["numpy"]
    assert list(identity.policies) == ["edf", "mine"]
    assert edge_llm_gym.__version__ in identity.settings["package"]
