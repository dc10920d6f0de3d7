"""Fixtures: a view written by hand, an epoch solved by hand, and a played episode."""

from dataclasses import dataclass

import numpy as np
import pytest

from edge_llm_gym.rendering import view_of
from edge_llm_gym.rendering.batching.view import DeviceView, LastEpoch, SlotOutcome, Totals
from edge_llm_gym.rendering.batching_routing.view import RoutingNodeView, RoutingView
from edge_llm_gym.rendering.exits import ExitView
from edge_llm_gym.rendering.links import Flow
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.pooled.records import PooledResult
from edge_llm_gym.sim.simulator import Simulator
from tests.rendering.by_hand import node_view, slot_view
from tests.sim.pooled.routing_by_hand import HARSH, by_hand, random_action, staged
from tests.sim.pooled.test_routing_transition import NETWORK, REQUESTS


@pytest.fixture
def solved() -> Simulator:
    """The epoch that the tests of the transition solve by hand (`test_first_epoch`), before it."""
    return by_hand(staged([2, 2], **NETWORK), **REQUESTS)


def routing_node(
    index: int, stage: int, threshold: float | None, received: int, forwarded: int | None
) -> RoutingNodeView:
    return RoutingNodeView(
        **vars(node_view(index)), stage=stage, threshold=threshold, received=received, forwarded=forwarded
    )


@pytest.fixture
def view() -> RoutingView:
    """Two entry nodes and a deep one, three devices; eight requests in the last epoch, of which four were forwarded."""
    outcomes = ("served", "late", "served", "refused_uplink")
    return RoutingView(
        scenario="by-hand",
        epoch=7,
        horizon=50,
        time_s=14.0,
        epoch_s=2.0,
        area_m=(1000.0, 1000.0),
        nodes=(
            routing_node(0, 1, 0.75, 5, 3),
            routing_node(1, 1, 0.25, 3, 1),
            routing_node(2, 2, 0.5, 4, None),
        ),
        devices=tuple(DeviceView((300.0 * index + 60.0, 700.0), int(index < 2)) for index in range(3)),
        queue=(slot_view(1, 1.0), slot_view(2, 4.5)),
        hidden=0,
        totals=Totals(41, 17, 8, 5, 2, 9, arrived_value=82.0, served_value=34.5),
        last=LastEpoch(
            reward=3.5,
            arrived=4,
            expired=1,
            utilisation=0.625,
            node_energy_j=1250.0,
            slots=tuple(
                SlotOutcome(slot + 1, slot, slot % 3, outcome, slot % 2 if slot < 3 else None, 1.0)
                for slot, outcome in enumerate(outcomes)
            ),
        ),
        wires=((0, 2), (1, 2)),
        flows=(Flow(0, 0, 5), Flow(1, 1, 3), Flow(3, 2, 3), Flow(4, 2, 1)),
        exits=(
            ExitView(1, 4, 15, (0.1, 0.2, 0.5, 0.7, 0.9), (0.75, 0.25)),
            ExitView(2, 4, 15, (), ()),
        ),
        routed=8,
        routed_total=30,
    )


@dataclass(frozen=True)
class Played:
    """An episode under random actions, with actions, results and views: one entry per step."""

    simulator: Simulator
    results: list[PooledResult]
    thresholds: list[np.ndarray]
    views: list[RoutingView]


@pytest.fixture(scope="module")
def played() -> Played:
    """30 epochs of the joint network in which every outcome and exit occurs; not to be changed."""
    simulator = Simulator(load_scenario("joint", HARSH))
    simulator.reset(0, np.random.default_rng(3))
    rng, episode = np.random.default_rng(4), Played(simulator, [], [], [])
    for _ in range(30):
        action = random_action(rng, simulator)
        episode.results.append(simulator.step(*action))
        episode.thresholds.append(action[3][0])
        episode.views.append(view_of(simulator, 0, episode.results[-1]))
    return episode
