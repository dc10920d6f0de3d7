"""The view of the tiny episode against values worked out by hand; which is described in `conftest.tiny`."""

import numpy as np
import pytest

from edge_llm_gym.rendering import view_of
from edge_llm_gym.rendering.batching.history import Batch
from edge_llm_gym.rendering.batching.view import DeviceView, SlotOutcome, SlotView, Totals
from edge_llm_gym.sim.columns import KV
from edge_llm_gym.sim.pooled.admission import free_kv_bytes

WEIGHTS_BYTES = 2 * (2 * (4 * 64 * 64 + 2 * 64 * 256)) + 2 * 1000 * 64  # fp16, tied head: 2 layers and the embedding
KV_CAPACITY_BYTES = 4e9 - WEIGHTS_BYTES


def test_start_of_the_episode(tiny):
    view = view_of(tiny, 0, None)
    assert (view.scenario, view.epoch, view.horizon, view.time_s, view.epoch_s) == ("tiny", 0, 6, 2.0, 2.0)
    assert (view.hidden, view.last, view.area_m) == (1, None, (100.0, 100.0))
    assert view.queue == (
        SlotView(1, 1, 1, 11, 6, waited_s=1.0, left_s=3.0, accuracy=0.5, value=2.0),
        SlotView(2, 0, 0, 10, 5, waited_s=1.5, left_s=4.0, accuracy=0.5, value=1.0),
    )
    assert view.devices == (DeviceView((10.0, 20.0), 1), DeviceView((30.0, 40.0), 1), DeviceView((50.0, 60.0), 1))
    assert view.totals == Totals(4, 0, 0, 0, 1, 3, arrived_value=11.0, served_value=0.0)


def test_idle_nodes(tiny):
    left, right = view_of(tiny, 0, None).nodes
    assert (left.name, left.hardware, left.position_m) == ("left", "jetson-tx2", (20.0, 50.0))
    assert right.position_m == (80.0, 50.0)
    for node in (left, right):
        assert node.usable_bytes == pytest.approx(4e9)
        assert node.weight_bytes == pytest.approx(WEIGHTS_BYTES)
        assert (node.kv_bytes, node.free_bytes) == (0.0, pytest.approx(KV_CAPACITY_BYTES))
        assert (node.batches, node.free_at_s, node.quality) == ((), 0.0, 1.0)


def test_after_one_epoch(tiny, step_tiny):
    view = view_of(tiny, 0, step_tiny(tiny, [1, 2]))
    left, right = view.nodes
    assert view.time_s == 4.0
    assert (left.kv_bytes, left.free_bytes, left.free_at_s) == (0.0, pytest.approx(KV_CAPACITY_BYTES), 3.75)
    assert left.freed_bytes == pytest.approx(KV_CAPACITY_BYTES / 4)
    assert left.batches == (
        Batch(0, 2.25, 3.75, pytest.approx(KV_CAPACITY_BYTES / 4), served=1, late=0, below_quality=0),
    )
    assert right.batches == (
        Batch(0, 2.25, 6.25, pytest.approx(KV_CAPACITY_BYTES / 4), served=0, late=1, below_quality=0),
    )
    assert right.kv_bytes == pytest.approx(KV_CAPACITY_BYTES / 4)
    assert (right.free_bytes, right.freed_bytes) == (pytest.approx(KV_CAPACITY_BYTES * 3 / 4), 0.0)
    assert [slot.request for slot in view.queue] == [2, 4]
    assert [device.pending for device in view.devices] == [0, 1, 1]
    assert view.totals == Totals(5, 1, 1, 0, 1, 2, arrived_value=15.0, served_value=2.0)


def test_what_the_last_epoch_did(tiny, step_tiny):
    last = view_of(tiny, 0, step_tiny(tiny, [1, 2])).last
    assert last.slots == (
        SlotOutcome(1, 1, 1, "served", node=0, latency_s=3.0),  # 3.75 + 0.25 - 1.0
        SlotOutcome(2, 0, 0, "late", node=1, latency_s=6.0),  # 6.25 + 0.25 - 0.5
    )
    assert (last.reward, last.arrived, last.expired) == (2.0, 1, 0)
    assert last.utilisation == pytest.approx((1.5 + 1.75) / 4)  # of two nodes over 2 s
    power = tiny.parameters.power
    assert last.node_energy_j == pytest.approx(2.0 * power.idle_w + np.dot([1.5, 1.75], power.dynamic_w))
    assert (last.count("served"), last.count("late"), last.count("below_quality")) == (1, 1, 0)


def test_a_batch_queues_behind_an_unfinished_one(tiny, step_tiny):
    step_tiny(tiny, [1, 2])
    view = view_of(tiny, 0, step_tiny(tiny, [2, 2]))
    running, queued = view.nodes[1].batches
    assert (running.begin_s, running.end_s, running.requests) == (2.25, 6.25, 1)
    assert (queued.begin_s, queued.end_s, queued.requests, queued.served) == (6.25, 8.75, 2, 2)
    # the first batch ends with this uplink slot, so its memory counts as free for the batch decided now
    assert view.nodes[1].kv_bytes == pytest.approx(KV_CAPACITY_BYTES / 4)
    assert view.nodes[1].freed_bytes == pytest.approx(KV_CAPACITY_BYTES / 4)
    assert view.nodes[0].batches == ()  # its only batch ended before the last epoch
    assert view.queue == ()


def test_memory_that_the_last_uplink_slot_already_freed_is_not_freed_again(tiny, step_tiny):
    for batch in ([1, 2], [2, 2], [0, 0]):
        result = step_tiny(tiny, batch)
    node = view_of(tiny, 0, result).nodes[1]  # at 8 s; its batches ended at 6.25, with the uplink slot, and end at 8.75
    assert [batch.end_s for batch in node.batches] == [6.25, 8.75]
    assert (node.kv_bytes, node.freed_bytes) == (pytest.approx(KV_CAPACITY_BYTES / 4), 0.0)


def test_refused_and_waiting_requests_have_no_node(tiny, step_tiny):
    tiny.parameters.cost_coefficients[:, 1, KV] = 2 * tiny.parameters.kv_capacity_bytes
    slots = view_of(tiny, 0, step_tiny(tiny, [1, 0])).last.slots
    assert [(slot.outcome, slot.node, slot.latency_s) for slot in slots] == [
        ("refused_memory", None, None),
        ("waiting", None, None),
    ]


def test_a_result_of_the_previous_episode_is_ignored(tiny, step_tiny):
    result = step_tiny(tiny, [1, 2])
    tiny.reset(0, np.random.default_rng(1))
    assert view_of(tiny, 0, result).last is None


def test_kv_caches_are_those_that_the_transition_counts(played):
    simulator, view = played.simulator, view_of(played.simulator, 0, None)
    capacity_bytes, batches = simulator.parameters.kv_capacity_bytes, simulator.state.batches
    at_s = view.time_s + simulator.scenario.uplink_slot_s
    for index, node in enumerate(view.nodes):
        assert node.free_bytes == pytest.approx(free_kv_bytes(capacity_bytes, batches, 0, index, view.epoch, at_s))
    assert any(node.kv_bytes > 0 for node in view.nodes)
