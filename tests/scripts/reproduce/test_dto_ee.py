"""The DTO-EE study: valid settings, episodes with a disturbance, verdicts in both directions."""

from dataclasses import replace

import gymnasium
import numpy as np
import pytest

from edge_llm_gym.evaluation.compare import Comparison
from edge_llm_gym.evaluation.rollout import run_episode
from edge_llm_gym.experts import expert_names, make_expert
from edge_llm_gym.scenario import load_scenario
from scripts.reproduce.claims import AGREES, DISAGREES, IN_PART, count_better_episodes
from scripts.reproduce.dto_ee import (
    PLANNED_ONCE,
    POOLS,
    REPRODUCTION,
    RESTARTED,
    STUDY,
    TRADEOFF,
    Disturbed,
    DtoEeResults,
    disturb,
)
from scripts.reproduce.measures import ACCURACY, DELAY
from scripts.reproduce.page import page_text
from scripts.reproduce.running import Runner, SweepResult


def scenario_of_point(point):
    settings = STUDY.settings(point.overrides)
    return load_scenario(settings["scenario"], settings["overrides"])


def test_every_baseline_takes_part():
    experts = set(expert_names(load_scenario("early-exit"))) - {"random", "dto-ee"}
    assert set(STUDY.baselines) == experts


def test_heterogeneous_nodes_have_equal_compute_in_every_stage():
    scenarios = [scenario_of_point(point) for point in STUDY.sweeps[1].points]
    assert len(scenarios) == len(POOLS)
    stage = scenarios[0].network.stage
    for read in (lambda node: node.device().peak_flops, lambda node: node.device().memory_bandwidth_bytes_per_s):
        totals = [
            np.bincount(stage, [read(node) * node.device().flops_fraction for node in scenario.nodes])
            for scenario in scenarios
        ]
        np.testing.assert_allclose(totals, [totals[0]] * len(totals), rtol=1e-12)
    spreads = [float(point.label) for point in STUDY.sweeps[1].points]
    assert spreads == sorted(set(spreads))
    assert spreads[0] == 0.0


def test_only_the_middle_third_is_slow_and_the_mix_is_hardest_in_its_middle():
    how = STUDY.disturbance
    scenario = load_scenario(STUDY.scenario, how.overrides(1.0))
    slow = scenario.nodes[how.node].slowdown
    assert scenario.nodes[how.node].name == how.node_name
    assert (slow.from_s, slow.until_s, slow.factor) == (40.0, 80.0, 3.0)
    drift = scenario.exits.drift
    difficulty = np.sin(2 * np.pi * (np.array([0.0, 60.0, 120.0]) / drift.period_s + drift.phase))
    np.testing.assert_allclose(difficulty, [-1.0, 1.0, -1.0])
    epochs = np.arange(how.horizon_epochs)
    assert np.concatenate([epochs[part] for part in how.phases.values()]).tolist() == epochs.tolist()


def test_epoch_totals_add_up_to_the_episode():
    """Totals of the epochs against the metrics that `run_episode` reports for the same seed."""
    disturbance = replace(STUDY.disturbance, horizon_epochs=6, policies=())
    study = replace(STUDY, policies=(("uniform", "uniform"),), disturbance=disturbance)
    progress = []
    found = disturb(study, Runner(study, (3, 4), progress=lambda done, of: progress.append(done)))
    totals = found.totals["uniform"]
    assert totals.shape == (2, 6, 4)
    assert progress == [1, 2]
    for row, seed in enumerate((3, 4)):
        env = gymnasium.make(study.environment, scenario=study.scenario, overrides=disturbance.overrides(1.0))
        episode = run_episode(env, make_expert("uniform", env), seed)
        arrived, response_s, correct, full_correct = totals[row].sum(axis=0)
        assert arrived == episode["arrived"]
        assert response_s / arrived == pytest.approx(episode["mean_delay_s"])
        assert correct / full_correct == pytest.approx(episode["accuracy"])


def test_phases_and_bins_by_hand():
    """Two seeds, three epochs; no request arrives in the first epoch of the second seed."""
    disturbance = replace(STUDY.disturbance, horizon_epochs=3, bin_epochs=1)
    totals = np.array(
        [[[2, 3.0, 1, 2], [4, 8.0, 1, 1], [1, 5.0, 1, 1]], [[0, 0.0, 0, 0], [2, 8.0, 1, 1], [1, 1.0, 0, 1]]], float
    )
    found = Disturbed(disturbance, 2.0, {"x": totals})
    np.testing.assert_array_equal(found.samples("x", "before", DELAY), [1.5, np.nan])
    assert found.samples("x", "slowed", DELAY).tolist() == [2.0, 4.0]
    assert found.samples("x", "after", ACCURACY).tolist() == [1.0, 0.0]
    np.testing.assert_array_equal(found.samples("x", "before", ACCURACY), [0.5, np.nan])
    time_s, means = found.series("x", DELAY)
    assert time_s.tolist() == [1.0, 3.0, 5.0]
    assert [mean.mean for mean in means] == [1.5, 3.0, 3.0]


def result_of(sweep, policies, values) -> SweepResult:
    """The same values at each point: `values(policy)` is delay and accuracy; the delays of the two seeds differ."""
    episodes = {}
    for policy in policies:
        delay_s, accuracy = values(policy)
        episodes[policy] = tuple({"mean_delay_s": delay_s * off, "accuracy": accuracy} for off in (0.9, 1.1))
    comparison = Comparison(STUDY.environment, (0, 1), episodes, dynamics="streaming")
    return SweepResult(sweep, (comparison,) * len(sweep.points), 1.0)


def results_of(others, weighted=(2.0, 0.6), slowed=None, **apart) -> DtoEeResults:
    """Made-up results: DTO-EE has 1 s and 0.6, the policies `apart` their own values, and all others `others`.

    In the trade-off DTO-EE has `weighted` at every weight. `slowed` maps policies to their delay in all phases of the
    disturbance (default 1 s).
    """
    study = STUDY
    names = [name for name, _ in study.policies]
    of_sweeps = {"dto-ee": (1.0, 0.6), **apart}
    sweeps = tuple(result_of(one, names, lambda name: of_sweeps.get(name, others)) for one in study.sweeps)
    tradeoff = result_of(
        TRADEOFF,
        [name for name, _ in study.tradeoff_policies],
        lambda name: weighted if name.startswith("dto-ee") else apart.get(name, others),
    )
    totals = {
        name: np.tile([1.0, (slowed or {}).get(name, 1.0), 0.5, 1.0], (2, study.disturbance.horizon_epochs, 1))
        for name, _ in study.disturbed_policies
    }
    return DtoEeResults(study, (0, 1), sweeps, Disturbed(study.disturbance, 1.0, totals), tradeoff)


SLOW = dict.fromkeys(STUDY.baselines, 2.0)


@pytest.mark.parametrize(
    ("results", "verdicts"),
    [
        (results_of((1.5, 0.58), slowed=SLOW), [AGREES, AGREES, DISAGREES, AGREES]),
        (results_of((1.5, 0.58), (1.2, 0.6), SLOW), [AGREES, AGREES, AGREES, AGREES]),
        (results_of((1.2, 0.595), (1.2, 0.6), SLOW), [DISAGREES, DISAGREES, AGREES, AGREES]),
        (results_of((1.5, 0.58), (1.05, 0.6), SLOW, uniform=(1.1, 0.59)), [IN_PART, AGREES, AGREES, AGREES]),
        (results_of((0.9, 0.61), (0.8, 0.6), SLOW, uniform=(1.5, 0.58)), [DISAGREES, DISAGREES, IN_PART, AGREES]),
        (results_of((0.5, 0.62), slowed=SLOW | {RESTARTED: 0.9}), [DISAGREES, DISAGREES, DISAGREES, IN_PART]),
        (results_of((0.5, 0.62), slowed={RESTARTED: 0.9}), [DISAGREES, DISAGREES, DISAGREES, DISAGREES]),
    ],
)
def test_verdicts_follow_the_numbers(results, verdicts):
    assert [claim.verdict for claim in REPRODUCTION.judge(results)] == verdicts


def test_the_page_states_the_numbers():
    results = results_of((1.25, 0.59), slowed=SLOW | {PLANNED_ONCE: 7.0})
    pictures = dict.fromkeys(("rate", "spread", "disturbance", "tradeoff"), "x.png")
    page = page_text(REPRODUCTION, results, pictures, "command")
    pairs = 7 * 9
    assert f"at least 21 % in 0 of {pairs} pairs" in page
    assert "genetic, compute-proportional, bandwidth-proportional, uniform 20.0 to 20.0 %" in page
    assert f"at least 1 point in {pairs} of {pairs} pairs" in page
    assert "less than that of 7 of 7 baselines" in page
    assert "a single plan for the whole episode has a delay of 7.0 s" in page


def test_less_delay_is_better_and_more_accuracy_is():
    result = results_of((1.25, 0.59)).sweeps[0]
    names = [name for name, _ in STUDY.policies]
    assert result.best(0, names, DELAY) == result.best(0, names, ACCURACY) == "dto-ee"
    assert result.saving(0, "dto-ee", "uniform", DELAY).mean == pytest.approx(0.2)
    assert count_better_episodes(results_of((1.25, 0.5))) == (0, 2 * 7 * 9)
    assert count_better_episodes(results_of((0.75, 0.9))) == (2 * 7 * 9, 2 * 7 * 9)


def test_the_weight_of_the_scenario_is_among_those_of_the_trade_off():
    """One point of the curve is therefore the expert with default settings."""
    reward = load_scenario(STUDY.scenario).reward
    assert reward["accuracy"] / -reward["mean_delay_s"] in STUDY.weights_s
    env = gymnasium.make(STUDY.environment, scenario=STUDY.scenario, overrides={"horizon_epochs": 4})
    by_name = dict(STUDY.tradeoff_policies)
    made = (make_expert("dto-ee", env), *(by_name[f"dto-ee, weight {weight} s"](env) for weight in (10, 1)))
    delays = [run_episode(env, policy, 5)["mean_delay_s"] for policy in made]
    assert delays[0] == delays[1] > delays[2]
