"""The view of batching-and-routing dynamics: an epoch solved by hand, and a played episode against its metrics."""

from dataclasses import replace

import numpy as np
import pytest

from edge_llm_gym.rendering import view_of
from edge_llm_gym.rendering.batching.view_builder import batching_view
from edge_llm_gym.rendering.exits import ExitView
from edge_llm_gym.rendering.links import Flow
from edge_llm_gym.sim.exit_observation import QUANTILES, SEEN_EPOCHS
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, LATE, SERVED
from tests.sim.pooled.routing_by_hand import act
from tests.sim.pooled.test_routing_transition import OFFLOAD, THRESHOLD, A, B


def test_start_of_the_episode(solved):
    view = view_of(solved, 0, None)
    assert [(node.stage, node.threshold, node.received, node.forwarded) for node in view.nodes] == [
        (1, None, 0, 0),
        (1, None, 0, 0),
        (2, None, 0, None),
        (2, None, 0, None),
    ]
    assert view.exits == tuple(ExitView(number, 0, 0, (), ()) for number in (1, 2, 3, 4))
    assert view.wires == ((0, 2), (0, 3), (1, 2), (1, 3))
    assert (view.last, view.flows, view.routed, view.routed_total, view.forwarded) == (None, (), 0, 0, 0)


def test_after_one_epoch(solved):
    """A passes a request to C and one to D, B one to C; at 8 s, only A and B are done."""
    view = view_of(solved, 0, act(solved, [A, A, A, B, B], OFFLOAD, THRESHOLD))
    assert [(node.received, node.forwarded) for node in view.nodes] == [(3, 2), (2, 1), (2, None), (1, None)]
    assert [node.threshold for node in view.nodes] == pytest.approx(THRESHOLD)
    assert view.flows == (Flow(0, 0, 3), Flow(0, 1, 2), Flow(1, 2, 1), Flow(1, 3, 1), Flow(2, 2, 1))
    assert (view.routed, view.routed_total, view.forwarded) == (5, 5, 3)
    first, second, third, last = view.exits
    assert [(one.exit, one.left, one.left_total) for one in view.exits] == [(1, 1, 1), (2, 1, 1), (3, 2, 2), (4, 1, 1)]
    assert first.quantiles == pytest.approx((0.14, 0.2, 0.4, 0.5, 0.56))  # of .1 .2 .4 .5 .6
    assert second.quantiles == pytest.approx((0.345, 0.4125, 0.475, 0.525, 0.57))  # of .3 .45 .5 .6
    assert third.quantiles == last.quantiles == ()
    assert first.thresholds == second.thresholds == pytest.approx((0.5, 0.6))
    assert (third.thresholds, last.thresholds) == (pytest.approx((0.7, 0.5)), ())


def test_after_two_epochs_the_last_one_counts(solved):
    act(solved, [A, A, A, B, B], OFFLOAD, THRESHOLD)
    view = view_of(solved, 0, act(solved, [0, 0], OFFLOAD, [0.25] * 4))
    assert (view.routed, view.routed_total, view.flows) == (0, 5, ())
    assert [node.threshold for node in view.nodes] == [0.25] * 4
    assert [(one.left, one.left_total) for one in view.exits] == [(0, 1), (0, 1), (0, 2), (0, 1)]
    assert view.exits[2].quantiles == pytest.approx(np.quantile([0.1, 0.8, 0.75], (0.1, 0.25, 0.5, 0.75, 0.9)))


def test_the_fields_of_batching_dynamics_are_the_same(played):
    """All but those that a node gains."""
    result = played.results[-1]
    view, plain = view_of(played.simulator, 0, result), batching_view(played.simulator, 0, result)
    assert {name: getattr(view, name) for name in vars(plain) if name != "nodes"} == {
        name: value for name, value in vars(plain).items() if name != "nodes"
    }
    for node, plain_node in zip(view.nodes, plain.nodes, strict=True):
        assert vars(plain_node).items() <= vars(node).items()


def test_counts_are_those_of_the_metrics_after_every_step(played):
    names, total = played.simulator.scenario.metrics, 0.0
    for view, result, threshold in zip(played.views, played.results, played.thresholds, strict=True):
        total = total + result.metrics[0]
        last, totals = (dict(zip(names, row, strict=True)) for row in (result.metrics[0], total))
        assert (view.routed, view.routed_total) == (last["admitted"], totals["admitted"])
        assert view.forwarded == sum(node.received for node in view.nodes if node.stage == 2) == last["forwarded"]
        assert sum(node.received for node in view.nodes if node.stage == 1) == last["admitted"]
        for one in view.exits:
            assert (one.left, one.left_total) == (last[f"exit_{one.exit}"], totals[f"exit_{one.exit}"])
        assert [node.threshold for node in view.nodes] == threshold.tolist()
    assert all(one.left_total > 0 for one in view.exits)


def test_without_a_result_all_but_the_last_epoch_is_known(played):
    assert view_of(played.simulator, 0, None) == replace(played.views[-1], last=None)


def test_recent_confidences_are_those_of_the_computed_among_the_last_epochs(played):
    """Request by request, two blocks on each stage."""
    state, confidence = played.simulator.state, played.simulator.tape.exits.confidence
    now_s = played.views[-1].time_s
    recent = [
        request
        for result in played.results[-SEEN_EPOCHS:]
        for request in result.slot_request[0, np.isin(result.slot_outcome[0], (SERVED, LATE, BELOW_QUALITY))]
    ]
    for block, one in enumerate(played.views[-1].exits):
        seen = [
            confidence[0, request, block]
            for request in recent
            if state.requests.exit_block[0, request] > block
            and state.requests.finish_s[0, request, block // 2] <= now_s
        ]
        assert one.quantiles == pytest.approx(tuple(np.quantile(seen, QUANTILES)) if seen else ())
