"""The fitted workloads against the numbers measured on the traces, and those numbers against the traces."""

import pickle

import numpy as np
import pytest
from scipy import stats

from edge_llm_gym.workload import statistics
from edge_llm_gym.workload.published import PUBLISHED, published
from edge_llm_gym.workload.trace_reading import read_trace
from edge_llm_gym.workload.traces import describe

SIMULATED_TRACES = 120


@pytest.fixture(scope="module", params=PUBLISHED)
def workload(request):
    return published(request.param)


@pytest.fixture(scope="module")
def simulated(workload):
    """Arrivals of whole traces drawn from the fitted process, each as long as the measured one."""
    rng = np.random.default_rng(7)
    return [workload.arrivals.draw(rng, workload.measured["span_s"]) for _ in range(SIMULATED_TRACES)]


def assert_typical(measured, simulated):
    """The measured value is no outlier among simulated ones: two-sided rank test, 5 %."""
    below = np.mean(np.asarray(simulated) < measured)
    assert 0.025 <= below <= 0.975, f"{measured} against {np.quantile(simulated, [0.025, 0.5, 0.975])}"


def test_the_source_is_named(workload):
    assert "Azure/AzurePublicDataset" in workload.source
    assert workload.licence == "CC-BY-4.0"
    assert "Splitwise" in workload.citation


def test_an_unknown_name_is_suggested():
    with pytest.raises(
        ValueError, match=r"unknown published workload 'azure-conv-2024'; did you mean 'azure-conv-2023'"
    ):
        published("azure-conv-2024")


def test_it_pickles(workload):
    assert pickle.loads(pickle.dumps(workload)) == workload


@pytest.mark.parametrize("kind", ["conv", "code"])
def test_the_shipped_numbers_are_those_of_the_trace(azure_trace, kind):
    trace, shipped = read_trace(azure_trace(kind)), published(f"azure-{kind}-2023")
    measured = describe(trace)
    assert shipped.measured == {name: pytest.approx(measured[name], rel=1e-5) for name in shipped.measured}
    for window_s, dispersion in shipped.dispersion.items():
        assert dispersion == pytest.approx(statistics.dispersion(trace.arrival_s, window_s, trace.span_s), rel=1e-3)
    for quantiles, tokens in (
        (shipped.lengths.prompt_quantiles, trace.prompt_tokens),
        (shipped.lengths.output_quantiles, trace.output_tokens),
    ):
        np.testing.assert_allclose(quantiles, np.quantile(tokens, shipped.lengths.probabilities), rtol=1e-4)


@pytest.mark.parametrize("which", ["prompt", "output"])
def test_token_counts_are_reproduced_within_two_percent(workload, which):
    tokens = getattr(workload.lengths.draw(np.random.default_rng(1), 1_000_000), which)
    assert tokens.mean() == pytest.approx(workload.measured[f"{which}_mean"], rel=0.02)
    for percent in (50, 90, 99):
        measured = workload.measured[f"{which}_p{percent}"]
        assert np.percentile(tokens, percent) == pytest.approx(measured, rel=0.02, abs=1)


def test_rank_correlation_is_reproduced(workload):
    tokens = workload.lengths.draw(np.random.default_rng(2), 100_000)
    assert stats.spearmanr(*tokens).statistic == pytest.approx(workload.measured["rank_correlation"], abs=0.015)


def test_the_closed_form_dispersion_fits_from_half_a_second_to_a_minute(workload):
    for window_s, measured in workload.dispersion.items():
        fitted = workload.arrivals.sample_dispersion(window_s, workload.measured["span_s"])
        assert fitted == pytest.approx(measured, rel=0.03 if window_s >= 0.5 else 0.1)


@pytest.mark.parametrize("window_s", [1.0, 2.0, 10.0, 60.0])
def test_the_measured_dispersion_is_typical_of_the_model(workload, simulated, window_s):
    drawn = [statistics.dispersion(arrival_s, window_s, workload.measured["span_s"]) for arrival_s in simulated]
    assert_typical(workload.dispersion[window_s], drawn)


def test_the_measured_rate_is_typical_of_the_model(workload, simulated):
    assert_typical(
        workload.measured["rate_per_s"], [arrival_s.size / workload.measured["span_s"] for arrival_s in simulated]
    )


def test_the_gaps_vary_as_measured(workload, simulated):
    drawn = [statistics.interarrival_cv(arrival_s) for arrival_s in simulated]
    assert_typical(workload.measured["interarrival_cv"], drawn)
    assert np.median(drawn) == pytest.approx(workload.measured["interarrival_cv"], rel=0.06)


def test_the_busiest_two_seconds_are_typical_of_the_model(workload, simulated):
    span_s = workload.measured["span_s"]
    assert_typical(
        workload.measured["busiest_2s"],
        [statistics.window_counts(arrival_s, 2.0, span_s).max() for arrival_s in simulated],
    )
