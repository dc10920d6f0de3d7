"""The view of the tiny episode against values worked out by hand; which is described in `conftest.tiny`."""

import numpy as np
import pytest

from edge_llm_gym.models.exits import exit_profile
from edge_llm_gym.rendering import view_of
from edge_llm_gym.rendering.exits import ExitView
from edge_llm_gym.rendering.links import Flow
from edge_llm_gym.rendering.streaming.view import (
    TREND_EPOCHS,
    EpochSummary,
    StreamingDevice,
    StreamingNode,
    StreamingTotals,
)
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.scenario.metrics import STREAMING_COLUMN
from edge_llm_gym.sim.simulator import Simulator
from tests.rendering.streaming.conftest import step_tiny

FULL_ACCURACY = exit_profile("parametric").full_accuracy


def test_start_of_the_episode(tiny):
    view = view_of(tiny, 0, None)
    assert (view.scenario, view.epoch, view.horizon, view.time_s, view.epoch_s) == ("staged", 0, 3, 0.0, 2.0)
    assert (view.last, view.trend, view.area_m, view.wires) == (None, (), (80.0, 40.0), ((0, 2), (1, 2)))
    assert view.nodes[1] == StreamingNode("s1-2", (0.0, 0.0), 1, None, 0, 0.0, 0, 0.0, 1.0)
    assert view.devices == (StreamingDevice((10.0, 20.0), ""), StreamingDevice((30.0, 40.0), ""))
    assert view.exits == tuple(ExitView(number, 0, 0, (), ()) for number in (1, 2, 3, 4))
    assert view.totals == StreamingTotals(0, 0, 0, 0, 0, 0.0, 0.0)


def test_after_one_epoch(tiny):
    view = view_of(tiny, 0, step_tiny(tiny))
    a, b, c = view.nodes
    assert a == StreamingNode(
        "s1-1", (0.0, 0.0), 1, 0.5, sent=1, utilisation=0.5, open_visits=0, committed_s=0.0, speed=1.0
    )
    assert (b.threshold, b.sent, b.utilisation, b.open_visits) == (0.25, 1, 0.25, 0)
    assert (c.stage, c.sent, c.utilisation, c.open_visits, c.committed_s) == (2, 1, 0.25, 1, 1.5)
    assert [device.outcome for device in view.devices] == ["served", "late"]
    assert view.exits[0] == ExitView(1, 1, 1, pytest.approx((0.2, 0.3125, 0.5, 0.6875, 0.8)), (0.5, 0.25))
    assert view.exits[1] == ExitView(2, 1, 1, (), (0.5,))
    assert view.exits[3] == ExitView(4, 0, 0, (), ())  # the last exit has no threshold
    assert view.trend == (EpochSummary(2, 1, 1, 0, mean_delay_s=1.75, accuracy=1.0 - 0.25 / (2 * FULL_ACCURACY)),)
    assert view.totals == StreamingTotals(
        2, 1, 1, 0, in_flight=1, mean_delay_s=1.75, accuracy=1.0 - 0.25 / (2 * FULL_ACCURACY)
    )
    assert view.last.flows == (Flow(0, 0, 1), Flow(1, 1, 1), Flow(3, 2, 1))
    assert view.last.utilisation == pytest.approx((0.5 + 0.25 + 0.25) / 3)


def test_after_two_epochs_the_last_one_counts(tiny):
    step_tiny(tiny)
    view = view_of(tiny, 0, step_tiny(tiny))
    assert [device.outcome for device in view.devices] == ["served", ""]
    assert [(node.sent, node.utilisation) for node in view.nodes] == [(1, 0.5), (0, 0.0), (1, 1.0)]
    assert [(one.left, one.left_total) for one in view.exits] == [(0, 1), (0, 1), (0, 0), (1, 1)]
    assert view.exits[1].quantiles == (0.625,) * 5
    assert (
        view.last.summary
        == view.trend[1]
        == EpochSummary(1, 1, 0, 0, mean_delay_s=2.0, accuracy=1.0 - 0.25 / FULL_ACCURACY)
    )
    assert view.last.flows == (Flow(0, 0, 1), Flow(2, 2, 1))
    assert (view.totals.in_flight, view.totals.mean_delay_s) == (1, pytest.approx(5.5 / 3))


def test_the_reward_is_known_where_the_result_is(tiny):
    result = step_tiny(tiny)
    assert view_of(tiny, 0, result).last.reward == pytest.approx(-1.75 + 2 * (1.0 - 0.25 / (2 * FULL_ACCURACY)))
    assert view_of(tiny, 0, None).last.reward is None


def test_a_result_of_the_previous_episode_is_ignored(tiny):
    result = step_tiny(tiny)
    tiny.reset(0, np.random.default_rng(1))
    assert view_of(tiny, 0, result).last is None


def test_the_worst_outcome_of_a_device_is_shown(tiny):
    tiny.tape.requests.device[0] = 0
    step_tiny(tiny)
    assert [device.outcome for device in view_of(tiny, 0, None).devices] == ["late", ""]


def test_a_slowed_node_is_shown_by_its_speed_in_the_coming_epoch():
    changes = {"nodes.4.slowdown": {"from_s": 1.0, "factor": 4.0}}
    simulator = Simulator(load_scenario("early-exit", changes))
    simulator.reset(0, np.random.default_rng(0))
    assert [node.speed for node in view_of(simulator, 0, None).nodes] == [1.0] * 9
    simulator.step(np.ones((1, 29, 9), np.float32), np.zeros((1, 9), np.float32))
    assert [node.speed for node in view_of(simulator, 0, None).nodes] == [1.0] * 4 + [0.25] + [1.0] * 4


def test_a_played_episode_agrees_with_its_metrics(played):
    view, metrics = view_of(played.simulator, 0, played.results[-1]), played.results[-1].metrics[0]
    assert [node.threshold for node in view.nodes] == pytest.approx(played.thresholds[-1])
    assert view.totals.in_flight == metrics[STREAMING_COLUMN["in_flight"]]
    assert view.last.utilisation == pytest.approx(metrics[STREAMING_COLUMN["utilisation"]])
    assert view.last.node_energy_j == pytest.approx(metrics[STREAMING_COLUMN["node_energy_j"]])
    assert view.last.reward == played.results[-1].reward[0]
    for name in ("arrived", "served", "late", "below_quality", "mean_delay_s", "accuracy"):
        assert getattr(view.last.summary, name) == pytest.approx(metrics[STREAMING_COLUMN[name]]), name
    assert sum(one.left_total for one in view.exits) == view.totals.arrived
    assert len(view.trend) == 30


def test_the_trend_holds_the_latest_epochs_only(played):
    simulator = Simulator(load_scenario("early-exit"))
    simulator.reset(0, np.random.default_rng(0))
    for _ in range(TREND_EPOCHS + 4):
        simulator.step(np.ones((1, 29, 9), np.float32), np.zeros((1, 9), np.float32))
    trend = view_of(simulator, 0, None).trend
    assert len(trend) == TREND_EPOCHS
    begun = simulator.state.first_of_epoch[0]
    assert trend[0].arrived == begun[5] - begun[4]
