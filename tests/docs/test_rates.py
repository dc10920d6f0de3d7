"""The table of published decode rates: efficiencies of hardware rows agree with the engines that they stand for."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("latex2mathml", reason="the generators need the extra 'docs'")
sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))  # as the hook of the site does

from docs._generate.rates import profile_table, published_rates, rate_table

BEST_ENGINE = {"jetson-agx-orin": "TensorRT", "jetson-orin-nano-super": "MLC", "nvidia-a100-80gb": "gpt-fast"}


def test_implied_share_by_hand():
    # Llama-2-7B at 16 bits: 32 layers of 202,375,168 parameters, a head of 131,072,000, 524,288 bytes of KV cache per
    # token; 104.9 tokens/s of 128 tokens of context on 2 TB/s.
    (row,) = [row for row in published_rates() if row.precision == "bf16"]
    bytes_per_token = 2 * (32 * 202_375_168 + 131_072_000) + 128 * 524_288
    assert row.bandwidth_share == pytest.approx(104.9 * bytes_per_token / 2e12)
    # 0.85 of the bandwidth, 2 ms of overhead, and a fifth of the arithmetic at 0.6 of 312 TFLOP/s.
    step_s = bytes_per_token / 1.7e12 + 2e-3 + 0.2 * 2 * (32 * 202_375_168 + 131_072_000) / (0.6 * 312e12)
    assert row.predicted_per_s == pytest.approx(1 / step_s)


def test_predictions_agree_with_the_engines_that_the_rows_stand_for():
    for device, engine in BEST_ENGINE.items():
        rows = [row for row in published_rates() if (row.device, row.engine) == (device, engine)]
        assert len(rows) >= 3
        for row in rows:
            assert row.predicted_per_s == pytest.approx(row.published_per_s, rel=0.15)
            if device.startswith("jetson"):
                assert row.predicted_per_s == pytest.approx(row.published_per_s, rel=0.065)


def test_every_published_rate_needs_less_than_the_bandwidth():
    shares = [row.bandwidth_share for row in published_rates()]
    assert min(shares) > 0.3
    assert max(shares) < 0.86


def test_tables_have_a_line_for_every_row():
    assert len(rate_table().splitlines()) == 2 + len(published_rates())
    assert "+80%" in rate_table()  # llama.cpp on an AGX Orin
    assert len(profile_table("nvidia-h100-sxm").splitlines()) == 2 + 5
