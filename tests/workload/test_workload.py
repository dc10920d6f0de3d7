import pickle

import numpy as np
import pytest

from edge_llm_gym.workload.arrivals import GammaBursty, Poisson
from edge_llm_gym.workload.lengths import Choice, LengthLimits
from edge_llm_gym.workload.traces import Trace
from edge_llm_gym.workload.workload import SyntheticWorkload, TraceWorkload

LIMITS = LengthLimits(100, 20)
TRACE = Trace("three", [0.0, 1.0, 4.0], [50, 100, 101], [21, 20, 500], ("a note",))
SYNTHETIC = SyntheticWorkload(Poisson(5.0), Choice((50, 100, 150), (10, 30)), LIMITS)
REPLAYED = TraceWorkload(TRACE, LIMITS, rate_per_s=3.0)


@pytest.mark.parametrize("workload", [SYNTHETIC, REPLAYED], ids=["synthetic", "trace"])
def test_lengths_are_cut_to_the_limits_and_the_cuts_counted(workload):
    drawn = workload.draw(np.random.default_rng(0), 40.0)
    assert drawn.arrival_s.size == drawn.prompt_tokens.size == drawn.output_tokens.size > 0
    assert (drawn.prompt_tokens.max(), drawn.output_tokens.max()) == (100, 20)
    assert (workload.max_prompt_tokens, workload.max_output_tokens) == (100, 20)
    assert isinstance(drawn.clipped_prompts, int)


def test_the_cuts_of_a_whole_ring_are_those_of_the_trace():
    ring_s = 3 / REPLAYED.rate_per_s
    for seed in range(20):
        drawn = REPLAYED.draw(np.random.default_rng(seed), 2 * ring_s)
        assert sorted(drawn.prompt_tokens) == [50, 50, 100, 100, 100, 100]
        assert (drawn.clipped_prompts, drawn.clipped_outputs) == (2, 4)


def test_synthetic_cuts_are_binomial():
    drawn = SYNTHETIC.draw(np.random.default_rng(1), 2000.0)
    count = drawn.arrival_s.size
    for cuts, share in ((drawn.clipped_prompts, 1 / 3), (drawn.clipped_outputs, 1 / 2)):
        assert abs(cuts - share * count) < 4 * np.sqrt(count * share * (1 - share))


@pytest.mark.parametrize("workload", [SYNTHETIC, REPLAYED], ids=["synthetic", "trace"])
def test_a_draw_depends_on_its_generator_alone(workload):
    first = workload.draw(np.random.default_rng(5), 30.0)
    SyntheticWorkload(GammaBursty(3.0, 2.0), Choice((1,), (1,)), LIMITS).draw(np.random.default_rng(5), 9.0)
    workload.draw(np.random.default_rng(6), 9.0)
    again = pickle.loads(pickle.dumps(workload)).draw(np.random.default_rng(5), 30.0)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(workload.draw(np.random.default_rng(6), 30.0).arrival_s, first.arrival_s)


def test_workloads_describe_themselves():
    assert SYNTHETIC.rate_per_s == 5.0
    assert SYNTHETIC.describe() == (
        "Poisson arrivals at 5/s; prompts of 50/100/150 tokens, outputs of 10/30; "
        "clipped to 100 prompt and 20 output tokens"
    )
    assert REPLAYED.describe() == (
        "arrivals of trace three at 3/s; lengths of the same rows; clipped to 100 prompt and 20 output tokens; a note"
    )


def test_a_trace_that_cannot_be_replayed_is_rejected_when_built():
    with pytest.raises(ValueError, match="rate_per_s must be a positive"):
        TraceWorkload(TRACE, LIMITS, rate_per_s=-1.0)
