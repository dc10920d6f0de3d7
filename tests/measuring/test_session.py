"""Rows of a session, with a clock that follows the cost law, and with the real one."""

from itertools import product

import numpy as np
import pytest
import torch as th

from edge_llm_gym.measuring.batches import draw_batches
from edge_llm_gym.measuring.grid import Grid
from edge_llm_gym.measuring.processors import Cpu, Cuda
from edge_llm_gym.measuring.rounds import median_seconds
from edge_llm_gym.measuring.session import Session
from edge_llm_gym.measuring.transformer import Transformer
from edge_llm_gym.models.timings import COLUMNS, read_timings, write_timings
from tests.measuring.law_clock import LawClock, prefill_s, step_s
from tests.measuring.shapes import GATED

GRID = Grid((1, 2, 4), (32, 64, 128), repeats=3, whole_batches=4)


pytestmark = pytest.mark.usefixtures("_small_limits")


@pytest.fixture
def by_law(monkeypatch):
    rows = Session(GATED, GRID, LawClock(monkeypatch)).run()
    return {kind: [row for row in rows if row.kind == kind] for kind in {row.kind for row in rows}}


def test_every_point_of_the_grid_has_the_time_of_its_own_work(by_law):
    prefills = {row.prompt_or_context_tokens: (row.batch, row.seconds) for row in by_law["prefill"]}
    assert prefills == {tokens: (1, pytest.approx(prefill_s(tokens))) for tokens in (32, 64, 128)}
    decodes = {(row.batch, row.prompt_or_context_tokens): row.seconds for row in by_law["decode"]}
    assert set(decodes) == set(product((1, 2, 4), (32, 64, 128)))
    for (batch, context), seconds in decodes.items():
        assert seconds == pytest.approx(step_s(batch, context))


def test_whole_batches_are_prefilled_one_by_one_and_decoded_to_the_longest_answer(by_law):
    drawn = draw_batches(GRID, seed=0)
    assert [(row.prompts, row.outputs) for row in by_law["batch"]] == drawn
    for batch, prefill, whole in zip(drawn, by_law["batch_prefill"], by_law["batch"], strict=True):
        size = len(batch.prompts)
        assert prefill.batch == whole.batch == size
        assert prefill.seconds == pytest.approx(sum(prefill_s(tokens) for tokens in batch.prompts))
        contexts = [256 for _ in range(1, max(batch.outputs))]  # up to 7/8 of 128 tokens, rounded up
        decoding = sum(step_s(size, context) for context in contexts)
        assert whole.seconds - prefill.seconds == pytest.approx(decoding)


def test_limits_count_multiplications_and_copied_bytes(by_law):
    (flops,), (copied,) = by_law["flops"], by_law["bytes_per_s"]  # each took 1 s
    assert (flops.model, flops.weight_bits, flops.batch, flops.seconds) == ("matmul", 16, 16, 2 * 16**3)
    assert (copied.model, copied.weight_bits, copied.batch, copied.seconds) == ("copy", 8, 1, 2 * 2**13)


@pytest.mark.parametrize("bits", [16, 32])
def test_a_session_on_this_cpu_gives_a_file_of_timings(tmp_path, bits):
    lines = []
    rows = Session(GATED, GRID, Cpu(), bits).run(lines.append)
    assert [row.kind for row in rows] == ["prefill"] * 3 + ["decode"] * 9 + ["batch_prefill", "batch"] * 4 + [
        "flops",
        "bytes_per_s",
    ]
    assert all(row.seconds > 0 and row.device == Cpu().name for row in rows)
    assert {row.weight_bits for row in rows if row.model == GATED.name} == {bits}
    assert "whole batch 4 of 4: 4 requests" in lines
    write_timings(tmp_path / "timings.csv", rows)
    assert read_timings(tmp_path / "timings.csv") == rows
    assert (tmp_path / "timings.csv").read_text().splitlines()[0] == ",".join(COLUMNS)


@pytest.mark.skipif(not th.cuda.is_available(), reason="needs a CUDA device")
def test_a_session_on_a_gpu_gives_all_timings():
    rows = Session(GATED, GRID, Cuda()).run()
    assert len(rows) == 3 + 9 + 2 * 4 + 2
    assert {row.device for row in rows} == {th.cuda.get_device_name()}
    assert all(row.seconds > 0 for row in rows)


def test_memory_is_checked_before_the_model_is_made(monkeypatch):
    monkeypatch.setattr(Cpu, "free_bytes", lambda self: 1000.0)
    monkeypatch.setattr(Transformer, "__init__", lambda self, shape: pytest.fail("allocated"))
    with pytest.raises(ValueError, match=r"timing 'gated' at 16 bits needs .* 0\.00 GB are free"):
        Session(GATED, GRID, Cpu()).run()


def test_medians_ignore_the_first_run_and_rounds_visit_each_work_once():
    times = {"fast": iter([90.0, 1.0, 2.0, 50.0]), "slow": iter([90.0, 7.0, 70.0, 8.0])}
    visits, timed = [], []
    works = [lambda name=name: visits.append(name) for name in times]

    def seconds(work):
        work()
        timed.append(visits[-1])
        return next(times[visits[-1]])

    medians = median_seconds(works, 3, seconds, np.random.default_rng(0))
    assert medians.tolist() == [2.0, 8.0]
    assert timed[:2] == ["fast", "slow"]
    assert all(set(timed[at : at + 2]) == {"fast", "slow"} for at in (2, 4, 6))
