"""Pictures of continuous batching against the state and metrics of the simulator, and levels worked out by hand."""

import re
from dataclasses import replace

import numpy as np
import pytest

from edge_llm_gym.env.env import EdgeLLMEnv
from edge_llm_gym.experts import make_expert
from edge_llm_gym.rendering import render_row, view_of
from edge_llm_gym.rendering.batching.frames import batching_summary
from edge_llm_gym.rendering.continuous_batching.frames import PANELS, continuous_frame
from edge_llm_gym.rendering.continuous_batching.sequences import Sequences, end_epochs, sequences_of
from edge_llm_gym.rendering.continuous_batching.text import continuous_text
from edge_llm_gym.rendering.continuous_batching.timeline import continuous_episode, running_levels
from edge_llm_gym.rendering.outcomes import COLOURS
from edge_llm_gym.rendering.page import HEIGHT, WIDTH
from edge_llm_gym.rendering.panels import HEADING_HEIGHT
from edge_llm_gym.rendering.timeline import episode_timeline
from edge_llm_gym.scenario.metrics import CONTINUOUS_COLUMN
from edge_llm_gym.sim.outcomes import RUNNING
from tests.rendering.geometry import (
    assert_counts_add_up,
    assert_nothing_leaves_its_panel,
    assert_panels_do_not_overlap,
)

EPOCHS = 12


@pytest.fixture(scope="module")
def played():
    """An environment, the metrics of its epochs, and the result of the last step."""
    env = EdgeLLMEnv("continuous", overrides={"horizon_epochs": EPOCHS})
    expert, metrics = make_expert("edf", env), []
    observation, info = env.reset(seed=1)
    metrics.append(info["metrics"])
    for _ in range(EPOCHS):
        observation, _, _, _, info = env.step(expert.predict(observation)[0])
        metrics.append(info["metrics"])
    return env, metrics, info


def test_the_view_counts_what_the_state_holds(played):
    env, metrics, info = played
    view, state = view_of(env.simulator, 0, env._last), env.simulator.state
    totals = info["totals"]
    assert view.totals.counts() == {
        **{name: round(totals[name]) for name in ("served", "late", "below_quality", "expired", "pending")},
        "running": round(totals["running"]),
    }
    assert_counts_add_up(batching_summary(view))
    assert view.totals.running > 0
    for index, node in enumerate(view.nodes):
        assert node.running == state.nodes.running[0, index]
        assert node.waiting == state.nodes.admitted[0, index] - state.nodes.prefilled[0, index]
        assert sum(one.outcome == "running" for one in node.sequences) == node.running
        assert all(one.end_s == view.time_s for one in node.sequences if one.outcome == "running")
        assert node.kv_bytes + node.free_bytes + node.weight_bytes == pytest.approx(node.usable_bytes)
        assert node.free_bytes / env.simulator.parameters.kv_capacity_bytes[index] == pytest.approx(
            1.0 - info["nodes"]["reserved"][index], abs=1e-6
        )
    assert [view.last.count(name) for name in ("served", "late")] == [metrics[-1]["served"], metrics[-1]["late"]]


def test_the_text_shows_every_node_and_the_running_sequences(played):
    env, _, info = played
    view = view_of(env.simulator, 0, env._last)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", continuous_text(view)).splitlines()
    for node in view.nodes:
        (line,) = (line for line in lines if line.startswith(f"  {node.name}") and "free" in line)
        assert line.endswith(f"{node.running} seq" if node.running else "idle")
    assert f"{round(info['totals']['running'])} running" in lines[-2]
    waiting = replace(view.nodes[0], running=2, waiting=3)
    assert waiting.load(view.time_s) == "2+3 seq"


def test_the_frame_colours_lanes_by_outcome(played):
    env, _, _ = played
    view = view_of(env.simulator, 0, env._last)
    frame = continuous_frame(view)
    assert (frame.shape, frame.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
    np.testing.assert_array_equal(frame, render_row(env.simulator, 0, env._last, "rgb_array"))
    assert_panels_do_not_overlap(PANELS)
    assert_nothing_leaves_its_panel(frame, PANELS)

    def pixels(shown, outcome: str) -> int:
        box = PANELS["sequences"][0]
        inside = continuous_frame(shown)[box.top + HEADING_HEIGHT : box.bottom, box.left : box.right]
        return int((inside == COLOURS[outcome]).all(axis=-1).sum())

    alone = tuple(replace(node, sequences=()) for node in view.nodes)
    assert pixels(replace(view, nodes=alone), "running") == 0
    for outcome in ("running", "late"):
        lanes = tuple(replace(one, outcome=outcome) for one in view.nodes[0].sequences)
        once = (replace(view.nodes[0], sequences=lanes), *alone[1:])
        assert pixels(replace(view, nodes=once), outcome) > 0


def test_levels_by_hand():
    """Two sequences on node 0: served from 1 to 3, running from 2 on; one on node 1."""
    sequences = Sequences(
        node=np.array([0, 1, 0]),
        begin_s=np.array([1.0, 1.5, 2.0]),
        end_s=np.array([3.0, 2.5, np.inf]),
        outcome=("served", "late", "running"),
    )
    times_s, levels = running_levels(sequences, 0, until_s=4.0)
    assert times_s.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert levels["served"].tolist() == [1, 1, 0, 0]
    assert levels["running"].tolist() == [0, 1, 1, 0]
    assert levels["late"].tolist() == [0, 0, 0, 0]


def test_the_episode_counts_the_metrics_of_every_epoch(played):
    env, metrics, _ = played
    episode = continuous_episode(env.simulator, 0)
    for name in ("served", "late", "below_quality"):
        assert episode.outcomes[name][:EPOCHS].tolist() == [one[name] for one in metrics[1:]]
    assert episode.outcomes["expired"].tolist() == [one["expired"] for one in metrics]
    assert episode.pending.tolist() == [one["pending"] for one in metrics]
    assert episode.served.sum() == sum(one["served"] for one in metrics)
    assert sum(one["served"] for one in metrics) > 10


def test_sequences_are_those_that_have_begun(played):
    env, _, _ = played
    state, found = env.simulator.state, sequences_of(env.simulator, 0)
    admitted = int(state.totals[0, CONTINUOUS_COLUMN["admitted"]])
    waiting = int((state.nodes.admitted - state.nodes.prefilled)[0].sum())
    assert len(found.outcome) == admitted - waiting
    assert (np.diff(found.begin_s) >= 0).all()
    assert np.isinf(found.end_s).sum() == (state.requests.outcome[0] == RUNNING).sum() - waiting
    assert (end_epochs(env.simulator, 0) >= 0).sum() == admitted - (state.requests.outcome[0] == RUNNING).sum()


def test_the_timeline_is_drawn(played):
    pytest.importorskip("matplotlib")
    env, _, _ = played
    figure = episode_timeline(env.simulator, 0)
    titles = [axes.get_title(loc="left") for part in figure.subfigs for axes in part.axes]
    assert any(title.startswith("Sequences of every node") for title in titles)
