"""Paired comparisons: common tapes, custom policies, files."""

import csv
import json

import numpy as np
import pytest

from edge_llm_gym.evaluation import compare, save
from edge_llm_gym.evaluation.policies import file_name
from edge_llm_gym.experts import make_expert

ENVIRONMENT = "EdgeLLM/SingleNode-v0"
SHORT = {"horizon_epochs": 15}


class Lazy:
    """Assigns no request."""

    def __init__(self, env=None):
        self.env = env

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        slots = observation["request_mask"].size
        return {"batch": np.zeros(slots, np.int64), "bandwidth": np.zeros((slots, 2), np.float32)}, None


def make_lazy(env):
    return Lazy()


@pytest.fixture(scope="module")
def comparison():
    return compare(ENVIRONMENT, ["edf", "random", Lazy()], seeds=range(4), overrides=SHORT)


def test_every_policy_runs_on_the_same_tapes(comparison):
    steps = [comparison.samples(policy, "steps") for policy in comparison.policies]
    assert (np.array(steps) == 15).all()
    first_arrivals = compare(ENVIRONMENT, [("a", Lazy()), ("b", Lazy())], seeds=range(4), overrides=SHORT)
    np.testing.assert_array_equal(first_arrivals.samples("a", "arrived"), first_arrivals.samples("b", "arrived"))
    for policy in comparison.policies:
        np.testing.assert_array_equal(
            comparison.samples(policy, "arrived"), first_arrivals.samples("a", "arrived"), err_msg=policy
        )


def test_metrics_of_an_episode_are_consistent(comparison):
    for policy in comparison.policies:
        share = comparison.samples(policy, "served_share")
        served = comparison.samples(policy, "on_time") * comparison.samples(policy, "arrived")
        np.testing.assert_allclose(served, comparison.samples(policy, "served_value"))  # every value is 1
        np.testing.assert_allclose(share, comparison.samples(policy, "on_time"))
        np.testing.assert_allclose(comparison.samples(policy, "reward"), served)
    assert comparison.mean("Lazy", "served_value").mean == 0
    assert np.isnan(comparison.mean("Lazy", "delay_p50_s").mean)
    assert comparison.best == "edf"
    assert comparison.difference("edf").mean == 0
    assert comparison.difference("Lazy").excludes_zero


def test_delays_equal_the_latencies_of_the_served():
    import gymnasium

    result = compare(ENVIRONMENT, ["edf"], seeds=[3], overrides=SHORT)
    env = gymnasium.make(ENVIRONMENT, overrides=SHORT)
    observation, _ = env.reset(seed=3)
    expert, truncated = make_expert("edf", env), False
    while not truncated:
        observation, _, _, truncated, _ = env.step(expert.predict(observation)[0])
    state = env.unwrapped.simulator.state
    latency_s = state.requests.latency_s[0][state.requests.outcome[0] == 2]
    assert result.mean("edf", "delay_p50_s").mean == pytest.approx(np.quantile(latency_s, 0.5))
    assert result.mean("edf", "delay_p95_s").mean == pytest.approx(np.quantile(latency_s, 0.95))


def test_the_same_call_gives_the_same_numbers_in_any_number_of_processes():
    kinds = [
        compare(ENVIRONMENT, ["edf", "random"], seeds=[1, 2], overrides=SHORT, jobs=jobs).records() for jobs in (1, 2)
    ]
    for left, right in zip(*kinds, strict=True):
        assert {k: v for k, v in left.items() if k != "decision_ms"} == {
            k: v for k, v in right.items() if k != "decision_ms"
        }


@pytest.mark.parametrize(
    "policy",
    [Lazy(), make_lazy, "tests.evaluation.test_compare:make_lazy", ("own", Lazy), ("named", "edf")],
)
def test_custom_policies(policy):
    result = compare(ENVIRONMENT, [policy], seeds=[0], overrides=SHORT)
    served = result.mean(result.best, "served_value").mean
    assert served > 0 if result.best == "named" else served == 0


@pytest.mark.parametrize(
    ("policies", "seeds", "message"),
    [
        (["edff"], [0], "did you mean 'edf'"),
        (["no.such.module:make"], [0], "no policy at 'no.such.module:make'"),
        (["tests.evaluation.test_compare:nothing"], [0], "has no attribute 'nothing'"),
        (["edf", "edf"], [0], "names must differ"),
        ([], [0], "no policy to compare"),
        (["edf"], [], "at least one seed, got none"),
    ],
)
def test_errors_are_raised_before_anything_runs(policies, seeds, message):
    with pytest.raises(ValueError, match=message):
        compare(ENVIRONMENT, policies, seeds=seeds)


@pytest.mark.parametrize(("name", "dynamics"), [("Joint", "batching_routing"), ("EarlyExit", "streaming")])
def test_gaps_are_rejected_for_dynamics_without_known_optimum(name, dynamics):
    """The error comes before the first episode: progress is never reported."""

    def fail(done, of):
        raise AssertionError("an episode was run")

    with pytest.raises(
        ValueError, match=rf"\(dynamics 'batching'\) alone, got .* with dynamics '{dynamics}', batching 'static'; leave"
    ):
        compare(f"EdgeLLM/{name}-v0", ["random"], seeds=[0], gap_every=2, progress=fail)


def test_objects_without_predict_are_rejected():
    with pytest.raises(TypeError, match=r"needs a method predict"):
        compare(ENVIRONMENT, [("number", lambda env: 3)], seeds=[0], overrides=SHORT)


def test_files_hold_the_metrics(comparison, tmp_path):
    paths = save(comparison, tmp_path / "out")
    assert [path.name for path in paths] == ["episodes.csv", "comparison.json", "comparison.png"]
    with paths[0].open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 4
    assert {row["policy"] for row in rows} == set(comparison.policies)
    summary = json.loads(paths[1].read_text())
    assert summary["best"] == "edf"
    assert summary["dynamics"] == comparison.dynamics == "batching"
    lazy = next(row for row in summary["policies"] if row["policy"] == "Lazy")
    assert lazy["delay_p50_s"] == {"mean": None, "low": None, "high": None, "seeds": 0}
    assert paths[2].read_bytes().startswith(b"\x89PNG")


def test_progress_is_reported():
    calls = []
    compare(ENVIRONMENT, ["edf"], seeds=[0, 1], overrides={"horizon_epochs": 2}, progress=lambda *at: calls.append(at))
    assert calls == [(1, 2), (2, 2)]


def test_settings_follow_a_name_in_brackets():
    result = compare(ENVIRONMENT, ["stb[batch_size=1]", "stb[batch_size=6]"], seeds=[0], overrides=SHORT)
    small, large = (result.mean(f"stb[batch_size={size}]", "served_value").mean for size in (1, 6))
    assert small != large
    with pytest.raises(TypeError, match="did you mean 'batch_size'"):
        compare(ENVIRONMENT, ["stb[batch_siz=1]"], seeds=[0], overrides=SHORT)
    with pytest.raises(ValueError, match="are written as name"):
        compare(ENVIRONMENT, ["stb[batch_size]"], seeds=[0], overrides=SHORT)


@pytest.mark.parametrize(
    ("policy", "part"),
    [
        ("ot-gah+dto-ee", "ot-gah+dto-ee"),
        ("dftsp[overrun_s=0]", "dftsp"),
        ("package.module:factory", "package.module.factory"),
        ("/some/where/run/linear.zip", "run-linear.zip"),
        ("runs/best.zip", "runs-best.zip"),
    ],
)
def test_names_of_policies_fit_into_file_names(policy, part):
    assert file_name(policy) == part
