"""Jobs on a local Ray cluster: results as they arrive, equal to those of one process."""

import os

import pytest
from typer.testing import CliRunner

from agents.search import SearchConfig, search
from edge_llm_gym.cli import app
from edge_llm_gym.evaluation import EpisodeStore, Workers, compare
from edge_llm_gym.evaluation.workers import in_workers
from edge_llm_gym.experts import make_expert
from edge_llm_gym.linear import make_linear
from edge_llm_gym.scenario import load_scenario

ray = pytest.importorskip("ray", reason="needs the extra 'ray'; make test-ray installs it")

ENVIRONMENT = "EdgeLLM/SingleNode-v0"
FACTORY = """from edge_llm_gym.experts import make_expert

def make(env):
    return make_expert("fcfs", env)
"""
pytestmark = pytest.mark.filterwarnings("default")  # Ray's own


class Own:
    """A policy of a user that notes where it acts."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, env):
        (self.folder / str(os.getpid())).touch()
        return make_expert("sjf", env)


class Broken:
    """A policy with an error of its own."""

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        raise ArithmeticError("a rule of the policy, got 3")


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """Started by the first comparison; short of the shared memory of a whole machine."""
    assert not ray.is_initialized()
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def scenario():
    return load_scenario("single-node", {"horizon_epochs": 4})


def numbers(result):
    return [{key: repr(value) for key, value in row.items() if key != "decision_ms"} for row in result.records()]


def test_a_comparison_equals_that_of_one_process(scenario, tmp_path, monkeypatch):
    """Experts, an object, a file, a module of the user, and the bound, on a scenario that is an object."""
    (tmp_path / "own_policies.py").write_text(FACTORY)
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "linear.zip"
    make_linear(scenario).save(path)
    policies = ["edf", "random", ("own", Own(tmp_path)), str(path), "own_policies:make"]
    alone = compare(ENVIRONMENT, policies, range(3), scenario=scenario, bound=True)
    assert [int(each.name) for each in tmp_path.iterdir() if each.name.isdigit()] == [os.getpid()]
    calls = []
    shared = compare(
        ENVIRONMENT,
        policies,
        range(3),
        scenario=scenario,
        bound=True,
        jobs=Workers(2, "ray"),
        progress=lambda *at: calls.append(at),
    )
    assert numbers(shared) == numbers(alone)
    assert calls == [(done, 18) for done in range(1, 19)]
    assert len([each for each in tmp_path.iterdir() if each.name.isdigit()]) > 1


def test_a_single_job_at_once_runs_on_the_cluster_too():
    assert os.getpid() not in set(in_workers(lambda _: os.getpid(), range(3), Workers(1, "ray")))


def test_an_interrupted_comparison_continues(scenario, tmp_path):
    class StopError(Exception):
        pass

    def stop(done, of):
        if done == 3:
            raise StopError

    given = {"scenario": scenario, "jobs": Workers(2, "ray")}
    with pytest.raises(StopError):
        compare(ENVIRONMENT, ["edf", "random"], range(4), store=tmp_path, progress=stop, **given)
    store = EpisodeStore(tmp_path)
    resumed = compare(ENVIRONMENT, ["edf", "random"], range(4), store=store, **given)
    assert store.found == 3
    assert numbers(resumed) == numbers(compare(ENVIRONMENT, ["edf", "random"], range(4), scenario=scenario))


def test_an_error_of_a_policy_arrives_as_it_is(scenario):
    with pytest.raises(ArithmeticError) as caught:
        compare(ENVIRONMENT, [Broken()], range(2), scenario=scenario, jobs=Workers(2, "ray"))
    assert str(caught.value) == "a rule of the policy, got 3"


def test_another_address_than_that_of_the_connection_is_refused():
    list(in_workers(abs, [1], Workers(1, "ray")))
    with pytest.raises(ValueError, match=r"connected to another Ray cluster \(local\), got address '127\.0\.0\.1:1'"):
        list(in_workers(abs, [1], Workers(1, "ray", "127.0.0.1:1")))


def test_a_search_finds_the_same(scenario):
    config = SearchConfig(generations=1, population=4, elite=2, rows=2, held_out=1, environment="EdgeLLM/MultiNode-v0")
    assert search(config).parameters.tolist() == search(config, jobs=Workers(2, "ray")).parameters.tolist()


def test_the_commands_take_the_backend(tmp_path):
    words = ["calibrate", "-e", ENVIRONMENT, "--experts", "edf", "-n", "2", "--set", "horizon_epochs=3", "--no-bound"]
    for folder, more in (("alone", []), ("shared", ["--backend", "ray", "-j", "2"])):
        CliRunner().invoke(app, [*words, "-o", str(tmp_path / folder), *more], catch_exceptions=False)
    texts = [(tmp_path / folder / "SingleNode-v0.json").read_text() for folder in ("alone", "shared")]
    assert texts[0] == texts[1]
