"""Sweeps as they run: every point is a comparison of its own, and interrupted ones continue."""

import json

import pytest

from edge_llm_gym.evaluation import compare, sweep
from edge_llm_gym.evaluation.store import EpisodeStore
from edge_llm_gym.scenario import load_scenario

ENVIRONMENT = "EdgeLLM/SingleNode-v0"
SHORT = {"horizon_epochs": 3}
POLICIES = ("edf", "random")
RATES = {"arrivals.rate_per_s": [2.0, 6.0]}


class StopError(Exception):
    """Ends a sweep from its progress callback."""


def run(parameters=RATES, **arguments):
    settings = {"policies": POLICIES, "seeds": range(2), "overrides": SHORT} | arguments
    return sweep(ENVIRONMENT, parameters=parameters, **settings)


def numbers(result):
    """All numbers but the wall times, as text, which is exact and equal for NaN."""
    return [{key: repr(value) for key, value in row.items() if key != "decision_ms"} for row in result.records()]


@pytest.fixture(scope="module")
def whole():
    return run()


@pytest.mark.parametrize(
    "parameters",
    [{"arrivals.rate_per_s": [2.0, 6.0], "slots": [8, 12]}, {"nodes+": [[], [{"name": "new"}]]}],
    ids=["shapes", "nodes"],
)
def test_every_point_equals_a_comparison_of_its_own(parameters):
    """The numbers of slots and of nodes change the shapes of observations and actions."""
    if "nodes+" in parameters:
        node = load_scenario("single-node").nodes[0].model_dump(mode="json", exclude_unset=True)
        parameters = {"nodes+": [[], [node | {"name": "new", "position_m": [50.0, 60.0]}]]}
    result = run(parameters, seeds=[1])
    served = set()
    for point, comparison in result.items():
        own = compare(ENVIRONMENT, POLICIES, [1], overrides=SHORT | dict(point.values))
        assert numbers(comparison) == numbers(own)
        served.add(own.mean("edf", "served_value").mean)
    assert len(served) > 1
    assert result.metrics == ("served_share", "delay_p95_s")
    assert result.reference == "edf"


@pytest.mark.parametrize("count", [1, 4, 5])
def test_a_sweep_continues_after_an_interruption(count, whole, tmp_path):
    """Eight episodes: two points, policies and seeds."""

    def report(done, of):
        if done == count:
            raise StopError

    with pytest.raises(StopError):
        run(store=tmp_path, progress=report)
    calls = []
    result = run(store=tmp_path, progress=lambda *at: calls.append(at))
    assert calls[-1] == (8, 8)
    assert sorted(set(calls)) == [(done, 8) for done in sorted({min(count, 4), *range(count, 9)})]
    assert numbers(result) == numbers(whole)


def test_further_values_seeds_and_policies_run_only_what_is_missing(whole, tmp_path):
    run({"arrivals.rate_per_s": [6.0]}, store=tmp_path, policies=["edf"], seeds=[0])
    calls = []
    store = EpisodeStore(tmp_path)
    assert numbers(run(store=store, progress=lambda *at: calls.append(at))) == numbers(whole)
    assert store.found == 1
    assert len(calls) == 8
    lines = (tmp_path / "episodes.jsonl").read_text().splitlines()
    keys = [tuple(json.loads(line)["key"]) for line in lines if line.startswith('{"key"')]
    assert len(set(keys)) == len(keys) == 8


def test_other_sweeps_are_refused_by_their_difference(tmp_path):
    first = {"policies": ["edf"], "seeds": [0]}
    run(store=tmp_path, **first)
    with pytest.raises(ValueError, match=r"scenario\.horizon_epochs was 3 there and is 4 now.*--overwrite"):
        run(store=tmp_path, overrides={"horizon_epochs": 4}, **first)
    with pytest.raises(ValueError, match=r"swept\.0 was 'arrivals\.rate_per_s' there and is 'slots' now"):
        run({"slots": [8, 12]}, store=tmp_path, **first)
    run({"slots": [8]}, store=EpisodeStore(tmp_path, overwrite=True), **first)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"overrides": {"arrivals.rate_per_s": 1.0}}, "either fixed or swept, got both of 'arrivals.rate_per_s'"),
        ({"policies": ["edff"]}, r"at arrivals\.rate_per_s=2: unknown policy 'edff'; did you mean 'edf'"),
        ({"policies": []}, "no policy to compare"),
        ({"seeds": []}, "at least one seed, got none"),
        ({"parameters": {"slots": [8, 0]}}, r"at slots=0: scenario 'single-node':\n  slots"),
        ({"reward": "nowhere:at_all"}, "reward 'nowhere:at_all' cannot be imported"),
    ],
)
def test_errors_are_raised_before_anything_runs(arguments, message, tmp_path):
    def fail(done, of):
        raise AssertionError("an episode was run")

    with pytest.raises(ValueError, match=message):
        run(**{"store": tmp_path, "progress": fail} | arguments)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_environment_is_named():
    with pytest.raises(ValueError, match="did you mean 'EdgeLLM/SingleNode-v0'"):
        sweep("EdgeLLM/SingleNod-v0", ["edf"], RATES)


def test_batches_of_both_kinds_can_be_compared():
    result = run({"batching": ["static", "continuous"]}, seeds=[0], policies=["edf"])
    assert [comparison.dynamics for comparison in result.comparisons] == ["batching", "continuous_batching"]
    assert {"goodput_per_s"} == set(result.comparisons[1].metrics) & {"goodput_per_s"}
    assert len(result.to_markdown().splitlines()) > 4
