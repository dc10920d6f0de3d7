"""The study of streams: settings that hold together, the trade-off's geometry, verdicts both ways, a whole run."""

import json
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from typer.testing import CliRunner

from edge_llm_gym.cli import app
from edge_llm_gym.cli import reproduce as command
from edge_llm_gym.evaluation.compare import Comparison
from edge_llm_gym.evaluation.reproduce.claims import judge, unbeaten
from edge_llm_gym.evaluation.reproduce.disturbance import Disturbed, disturb
from edge_llm_gym.evaluation.reproduce.frontier import Rivalry, accuracy_at, delay_at
from edge_llm_gym.evaluation.reproduce.measures import ACCURACY, DELAY
from edge_llm_gym.evaluation.reproduce.routing import DTO_EE, PLANNED_ONCE, POOLS, RESTARTED
from edge_llm_gym.evaluation.reproduce.run import TRADEOFF, RoutingReproduction, SweepResult
from edge_llm_gym.evaluation.reproduce.verdict import AGREES, DISAGREES, IN_PART
from edge_llm_gym.evaluation.rollout import run_episode
from edge_llm_gym.experts import expert_names, make_expert
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.solvers import routing_baselines


def scenario_of_point(point):
    settings = DTO_EE.settings(point.overrides)
    return load_scenario(settings["scenario"], settings["overrides"])


def test_every_baseline_takes_part():
    everyone = set(expert_names(load_scenario("early-exit"))) - {"random", "dto-ee"}
    assert set(DTO_EE.baselines) == everyone


def test_unlike_nodes_have_equal_compute_in_every_stage():
    scenarios = [scenario_of_point(point) for point in DTO_EE.sweeps[1].points]
    assert len(scenarios) == len(POOLS)
    stage = scenarios[0].network.stage
    for read in (lambda node: node.device().peak_flops, lambda node: node.device().memory_bandwidth_bytes_per_s):
        totals = [
            np.bincount(stage, [read(node) * node.usable_flops_fraction for node in scenario.nodes])
            for scenario in scenarios
        ]
        np.testing.assert_allclose(totals, [totals[0]] * len(totals), rtol=1e-12)
    spreads = [float(point.label) for point in DTO_EE.sweeps[1].points]
    assert spreads == sorted(set(spreads))
    assert spreads[0] == 0.0


def test_only_the_middle_third_is_slow_and_the_mix_is_hardest_in_its_middle():
    how = DTO_EE.disturbance
    scenario = load_scenario(DTO_EE.scenario, how.overrides(1.0))
    slow = scenario.nodes[how.node].slowdown
    assert scenario.nodes[how.node].name == how.node_name
    assert (slow.from_s, slow.until_s, slow.factor) == (40.0, 80.0, 3.0)
    drift = scenario.exits.drift
    difficulty_shift = np.sin(2 * np.pi * (np.array([0.0, 60.0, 120.0]) / drift.period_s + drift.phase))
    np.testing.assert_allclose(difficulty_shift, [-1.0, 1.0, -1.0])
    epochs = np.arange(how.horizon_epochs)
    assert np.concatenate([epochs[part] for part in how.phases.values()]).tolist() == epochs.tolist()


def test_traces_add_up_to_the_episode():
    """The epochs' sums against what `run_episode` reports of the same tape."""
    disturbance = replace(DTO_EE.disturbance, horizon_epochs=6, policies=())
    study = replace(DTO_EE, policies=(("uniform", "uniform"),), disturbance=disturbance)
    told = []
    found = disturb(study, (3, 4), 1, lambda: told.append(1))
    trace = found.traces["uniform"]
    assert trace.shape == (2, 6, 3)
    assert len(told) == 2
    for row, seed in enumerate((3, 4)):
        env = gymnasium.make(study.environment, scenario=study.scenario, overrides=disturbance.overrides(1.0))
        episode = run_episode(env, make_expert("uniform", env), seed)
        arrived, response_s, correct = trace[row].sum(axis=0)
        assert arrived == episode["arrived"]
        assert response_s / arrived == pytest.approx(episode["mean_delay_s"])
        assert correct / arrived == pytest.approx(episode["accuracy"])


def test_phases_and_bins_by_hand():
    """Two seeds, three epochs; in the second seed's first epoch nobody arrives."""
    disturbance = replace(DTO_EE.disturbance, horizon_epochs=3, bin_epochs=1)
    trace = np.array([[[2, 3.0, 1], [4, 8.0, 1], [1, 5.0, 1]], [[0, 0.0, 0], [2, 8.0, 1], [1, 1.0, 0]]], float)
    found = Disturbed(disturbance, 2.0, {"x": trace})
    np.testing.assert_array_equal(found.delay_s("x", "before"), [1.5, np.nan])
    assert found.delay_s("x", "slowed").tolist() == [2.0, 4.0]
    assert found.accuracy("x", "after").tolist() == [1.0, 0.0]
    time_s, means = found.series("x", "response_s")
    assert time_s.tolist() == [1.0, 3.0, 5.0]
    assert [mean.mean for mean in means] == [1.5, 3.0, 3.0]


# A scheduler at four weights: quick and rough, a setting that is worse than that, middle, slow and sure.
DELAYS = np.array([1.0, 1.5, 2.0, 4.0])
ACCURACIES = np.array([0.5, 0.4, 0.6, 0.7])


@pytest.mark.parametrize(("accuracy", "delay_s"), [(0.3, 1.0), (0.5, 1.0), (0.55, 1.75), (0.65, 3.0), (0.7, 4.0)])
def test_the_frontiers_delay_by_hand(accuracy, delay_s):
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
        assert delay_at(DELAYS[order], ACCURACIES[order], accuracy) == pytest.approx(delay_s)


@pytest.mark.parametrize(("delay_s", "accuracy"), [(1.0, 0.5), (1.25, 0.5), (1.5, 0.5), (3.0, 0.65), (99.0, 0.7)])
def test_the_frontiers_accuracy_by_hand(delay_s, accuracy):
    assert accuracy_at(DELAYS, ACCURACIES, delay_s) == pytest.approx(accuracy)


def test_the_frontier_has_no_answer_beyond_its_ends():
    assert np.isnan(delay_at(DELAYS, ACCURACIES, 0.71))
    assert np.isnan(accuracy_at(DELAYS, ACCURACIES, 0.9))


def test_a_rivalry_compares_at_equal_accuracy_and_at_equal_delay():
    """Without spread between seeds the interval is the number itself: 0.65 costs 3 s, and 6 s buy 0.7."""
    ones = np.ones(5)
    rivalry = Rivalry(np.outer(ones, DELAYS), np.outer(ones, ACCURACIES), 6.0 * ones, 0.65 * ones)
    for interval, expected in ((rivalry.saving(), 0.5), (rivalry.gain(), 0.05)):
        assert (interval.mean, interval.low, interval.high) == pytest.approx((expected,) * 3)


def test_a_rivalry_without_an_answer_for_some_resamples_has_none():
    """The rival is out of reach for one of two seeds, so for a quarter of the resamples; their mean is in reach."""
    ones = np.ones(2)
    near = Rivalry(np.outer(ones, DELAYS), np.outer(ones, ACCURACIES), ones, np.array([0.5, 0.8]))
    assert np.isnan(near.saving().mean)
    assert delay_at(DELAYS, ACCURACIES, 0.65) == pytest.approx(3.0)


def test_common_swings_of_the_seeds_do_not_widen_the_interval():
    """Every tape moves scheduler and rival alike, so resampling them together cancels in the gain."""
    difficulty_shift = np.linspace(-0.1, 0.1, 8)
    rivalry = Rivalry(
        np.outer(np.ones(8), DELAYS),
        ACCURACIES + difficulty_shift[:, None],
        np.full(8, 4.0),
        np.full(8, 0.6) + difficulty_shift,
    )
    gain = rivalry.gain()
    assert (gain.mean, gain.low, gain.high) == pytest.approx((0.1, 0.1, 0.1))


def result_of(sweep, policies, figures) -> SweepResult:
    """The same figures at each point: `figures(policy)` is delay and accuracy, a little different between two seeds."""
    episodes = {}
    for policy in policies:
        delay_s, accuracy = figures(policy)
        episodes[policy] = tuple({"mean_delay_s": delay_s * off, "accuracy": accuracy} for off in (0.9, 1.1))
    comparison = Comparison(DTO_EE.environment, (0, 1), episodes, dynamics="streaming")
    return SweepResult(sweep, (comparison,) * len(sweep.points), 1.0)


def run_of(others, weighted=(2.0, 0.6), slowed=None, **apart) -> RoutingReproduction:
    """A run made up: DTO-EE has 1 s and 0.6, all others `others` but for those `apart`.

    In the trade-off DTO-EE is `weighted` at every weight. `slowed` maps policies to their delay at all times of the
    disturbance, 1 s unless said.
    """
    study = DTO_EE
    names = [name for name, _ in study.policies]
    of_sweeps = {"dto-ee": (1.0, 0.6), **apart}
    sweeps = tuple(result_of(one, names, lambda name: of_sweeps.get(name, others)) for one in study.sweeps)
    tradeoff = result_of(
        TRADEOFF,
        [name for name, _ in study.tradeoff_policies],
        lambda name: weighted if name.startswith("dto-ee") else apart.get(name, others),
    )
    traces = {
        name: np.tile([1.0, (slowed or {}).get(name, 1.0), 0.5], (2, study.disturbance.horizon_epochs, 1))
        for name, _ in study.disturbed_policies
    }
    return RoutingReproduction(study, (0, 1), sweeps, Disturbed(study.disturbance, 1.0, traces), tradeoff)


SLOW = dict.fromkeys(DTO_EE.baselines, 2.0)


@pytest.mark.parametrize(
    ("run", "verdicts"),
    [
        (run_of((1.5, 0.58), slowed=SLOW), [AGREES, AGREES, DISAGREES, AGREES]),
        (run_of((1.5, 0.58), (1.2, 0.6), SLOW), [AGREES, AGREES, AGREES, AGREES]),
        (run_of((1.2, 0.595), (1.2, 0.6), SLOW), [DISAGREES, DISAGREES, AGREES, AGREES]),
        (run_of((1.5, 0.58), (1.05, 0.6), SLOW, uniform=(1.1, 0.59)), [IN_PART, AGREES, AGREES, AGREES]),
        (run_of((0.9, 0.61), (0.8, 0.6), SLOW, uniform=(1.5, 0.58)), [DISAGREES, DISAGREES, IN_PART, AGREES]),
        (run_of((0.5, 0.62), slowed=SLOW | {RESTARTED: 0.9}), [DISAGREES, DISAGREES, DISAGREES, IN_PART]),
        (run_of((0.5, 0.62), slowed={RESTARTED: 0.9}), [DISAGREES, DISAGREES, DISAGREES, DISAGREES]),
    ],
)
def test_verdicts_follow_the_numbers(run, verdicts):
    assert [claim.verdict for claim in judge(run)] == verdicts


def test_evidence_names_the_numbers():
    saving, gain, _, calm = judge(run_of((1.25, 0.59), slowed=SLOW | {PLANNED_ONCE: 7.0}))
    pairs = 7 * 9
    assert f"at least 21 % in 0 of {pairs} pairs" in saving.evidence
    assert "genetic, compute-proportional, bandwidth-proportional, uniform 20.0 to 20.0 %" in saving.evidence
    assert f"at least 1 point in {pairs} of {pairs} pairs" in gain.evidence
    assert "below 7 of 7 baselines" in calm.evidence
    assert "one plan for all time has 7.0 s" in calm.evidence


def test_less_delay_is_better_and_more_accuracy_is():
    result = run_of((1.25, 0.59)).sweeps[0]
    names = [name for name, _ in DTO_EE.policies]
    assert result.best(0, names, DELAY) == result.best(0, names, ACCURACY) == "dto-ee"
    assert result.saving(0, "dto-ee", "uniform", DELAY).mean == pytest.approx(0.2)
    assert unbeaten(run_of((1.25, 0.5))) == (2 * 7 * 9, 2 * 7 * 9)
    assert unbeaten(run_of((0.75, 0.9))) == (0, 2 * 7 * 9)


def test_quick_run_writes_page_numbers_and_pictures(tmp_path, monkeypatch):
    names = ("dto-ee", "fixed-threshold", "selfish", "uniform")
    small = replace(DTO_EE, policies=tuple(one for one in DTO_EE.policies if one[0] in names))
    monkeypatch.setattr(command, "STUDIES", {"dto-ee": small})
    monkeypatch.setattr(routing_baselines, "SELFISH_ROUNDS", 5)
    words = ["reproduce", "dto-ee", "--quick", "--seeds", "1", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    page = (tmp_path / "reproduction-dto-ee.md").read_text("utf-8")
    for text in ("reconstruction", "trial run", "## What agrees with", "reproduce dto-ee --seeds 1 --quick"):
        assert text in page
    assert "nan" not in page
    pictures = sorted((tmp_path / "images").glob("*.png"))
    assert [picture.stem.rpartition("-")[2] for picture in pictures] == ["disturbance", "rate", "spread", "tradeoff"]
    assert all(f"images/{picture.name}" in page for picture in pictures)
    numbers = json.loads((tmp_path / "reproduction-dto-ee.json").read_text("utf-8"))
    assert numbers["seeds"] == [0]
    assert len(numbers["sweeps"]) == 2 * 2 * 4
    assert len(numbers["disturbance"]) == 3 * (4 + 2)
    assert len(numbers["tradeoff"]) == 2 + 2 + 2
    assert all(row[DELAY]["mean"] > 0 and 0 <= row[ACCURACY]["mean"] <= 1 for row in numbers["sweeps"])
    own, weighted = numbers["sweeps"][0], numbers["tradeoff"][1]
    assert (own["policy"], weighted["policy"]) == ("dto-ee", "dto-ee, weight 20 s")


def test_the_scenarios_own_weight_is_among_those_of_the_trade_off():
    """So that one point of the curve is the expert as everybody gets it."""
    reward = load_scenario(DTO_EE.scenario).reward
    assert reward["accuracy"] / -reward["mean_delay_s"] in DTO_EE.weights_s
    env = gymnasium.make(DTO_EE.environment, scenario=DTO_EE.scenario, overrides={"horizon_epochs": 4})
    by_name = dict(DTO_EE.tradeoff_policies)
    made = (make_expert("dto-ee", env), *(by_name[f"dto-ee, weight {weight} s"](env) for weight in (20, 1)))
    delays = [run_episode(env, policy, 5)["mean_delay_s"] for policy in made]
    assert delays[0] == delays[1] > delays[2]
