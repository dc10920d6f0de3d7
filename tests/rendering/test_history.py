"""What is recovered from the state against what was recorded while the episode ran."""

import numpy as np
import pytest

from edge_llm_gym.rendering.batch_log import decision_times_s
from edge_llm_gym.rendering.history import admission_epochs, batches, expiry_epochs, outcome_counts, pending_levels
from edge_llm_gym.scenario.metrics import COLUMN
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, LATE, SERVED


def recorded(played, metric: str) -> list[int]:
    return [round(result.metrics[0, COLUMN[metric]]) for result in played.results]


def test_the_played_episode_has_something_of_everything(played):
    for metric in ("served", "late", "below_quality", "expired", "refused_uplink", "refused_memory", "pending"):
        assert sum(recorded(played, metric)) > 0, metric


def test_pending_levels_are_those_of_the_metrics(played):
    assert pending_levels(played.simulator, 0)[1:].tolist() == recorded(played, "pending")


@pytest.mark.parametrize("name", ["served", "late", "below_quality"])
def test_outcomes_count_at_the_epoch_that_admits(played, name):
    counts = outcome_counts(played.simulator, 0)[name]
    assert counts[:-1].tolist() == recorded(played, name)
    assert counts[-1] == 0


def test_expiries_count_at_the_decision_time_that_drops(played):
    expired = outcome_counts(played.simulator, 0)["expired"]
    assert expired[1:].tolist() == recorded(played, "expired")
    assert expired.sum() == played.simulator.state.totals[0, COLUMN["expired"]]


def test_a_request_hopeless_on_arrival_expires_at_once(tiny):
    assert expiry_epochs(tiny, 0)[:5].tolist() == [-1, -1, -1, 0, -1]
    assert pending_levels(tiny, 0).tolist() == [3]


def test_batches_hold_the_requests_that_were_put_there(played):
    expected = {}
    for epoch, (result, batch) in enumerate(zip(played.results, played.batches, strict=True)):
        for slot, outcome in enumerate(result.slot_outcome[0]):
            if outcome in (SERVED, LATE, BELOW_QUALITY):
                key = (int(batch[slot]) - 1, epoch)
                expected[key] = expected.get(key, 0) + np.array(
                    [outcome == SERVED, outcome == LATE, outcome == BELOW_QUALITY]
                )
    found = {
        (node, batch.epoch): (batch.served, batch.late, batch.below_quality)
        for node, strip in enumerate(batches(played.simulator, 0))
        for batch in strip
    }
    assert found == {key: tuple(mix) for key, mix in expected.items()}


def test_batches_begin_after_the_uplink_and_the_batches_before(played):
    scenario, state = played.simulator.scenario, played.simulator.state
    times_s = decision_times_s(played.simulator, 0)
    assert times_s.tolist() == [scenario.epoch_s * (epoch + 1) for epoch in range(41)]
    for node, strip in enumerate(batches(played.simulator, 0)):
        for batch in strip:
            uplink_ends_s = times_s[batch.epoch] + scenario.uplink_slot_s
            assert batch.begin_s == max(uplink_ends_s, played.free_before_s[batch.epoch][node])
            assert batch.end_s == state.batches.end_s[0, node, batch.epoch]


def test_admission_epochs_are_those_of_the_steps(played):
    expected = np.full(played.simulator.capacity, -1)
    for epoch, result in enumerate(played.results):
        computed = np.isin(result.slot_outcome[0], (SERVED, LATE, BELOW_QUALITY))
        expected[result.slot_request[0, computed]] = epoch
    np.testing.assert_array_equal(admission_epochs(played.simulator, 0), expected)


def test_only_batches_after_a_moment(played):
    middle_s = 50.0
    every = batches(played.simulator, 0)
    later = batches(played.simulator, 0, after_s=middle_s)
    assert later == tuple(tuple(batch for batch in strip if batch.end_s > middle_s) for strip in every)
    assert 0 < sum(map(len, later)) < sum(map(len, every))
