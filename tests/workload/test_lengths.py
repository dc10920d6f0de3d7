import pickle

import numpy as np
import pytest
from scipy import stats

from edge_llm_gym.workload.lengths import Choice, LengthLimits, LogNormal, QuantileTable, TokenCounts

TABLE = QuantileTable((0.0, 0.5, 0.9, 1.0), (10.0, 100.0, 500.0, 4000.0), (1.0, 20.0, 20.0, 300.0), 0.5)
MODELS = [Choice((128, 256, 512), (32,)), LogNormal(400.0, 1.2, 30.0, 0.5), TABLE]


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_counts_are_whole_and_at_least_one(model):
    tokens = model.draw(np.random.default_rng(0), 5000)
    for counts in tokens:
        assert counts.dtype == np.int64
        assert counts.shape == (5000,)
        assert counts.min() >= 1


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_a_draw_depends_on_its_generator_alone(model):
    first = model.draw(np.random.default_rng(1), 50)
    copy = pickle.loads(pickle.dumps(model))
    assert copy == model
    np.testing.assert_array_equal(copy.draw(np.random.default_rng(1), 50), first)
    assert not np.array_equal(model.draw(np.random.default_rng(2), 50), first)


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_no_requests_need_no_lengths(model):
    assert [counts.size for counts in model.draw(np.random.default_rng(0), 0)] == [0, 0]


def test_choice_is_uniform_over_its_values():
    prompt, output = Choice((128, 256, 512), (16, 32)).draw(np.random.default_rng(3), 30_000)
    for counts, values in ((prompt, [128, 256, 512]), (output, [16, 32])):
        found, seen = np.unique(counts, return_counts=True)
        assert found.tolist() == values
        assert stats.chisquare(seen).pvalue > 1e-3


def test_log_normal_has_the_given_moments():
    prompt, output = LogNormal(800.0, 0.7, 200.0, 1.1).draw(np.random.default_rng(4), 400_000)
    for counts, mean, cv in ((prompt, 800.0, 0.7), (output, 200.0, 1.1)):
        assert counts.mean() == pytest.approx(mean, rel=0.01)
        assert counts.std() / counts.mean() == pytest.approx(cv, rel=0.03)
    logarithm = np.log(prompt)
    assert stats.kstest(logarithm, stats.norm(logarithm.mean(), logarithm.std()).cdf).pvalue > 1e-3


def test_table_gives_back_its_quantiles_and_never_leaves_its_range():
    prompt, output = TABLE.draw(np.random.default_rng(5), 400_000)
    probabilities = [0.1, 0.25, 0.5, 0.7, 0.9, 0.97]
    np.testing.assert_allclose(
        np.quantile(prompt, probabilities),
        np.interp(probabilities, TABLE.probabilities, TABLE.prompt_quantiles),
        rtol=0.02,
    )
    assert (prompt.min(), prompt.max()) == (10, 4000)
    assert output.min() == 1
    assert 290 <= output.max() <= 300
    assert np.mean(output == 20) == pytest.approx(0.4, abs=0.02)


def test_table_is_continuous_between_its_quantiles():
    prompt, _ = QuantileTable((0.0, 1.0), (1.0, 1e9), (1.0, 2.0)).draw(np.random.default_rng(8), 50_000)
    assert np.unique(prompt).size > 49_900
    assert stats.kstest(prompt / 1e9, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("correlation", [-1.0, -0.4, 0.0, 0.8, 1.0])
def test_table_has_the_given_rank_correlation(correlation):
    table = QuantileTable((0.0, 1.0), (1.0, 1e6), (1.0, 1e6), correlation)
    prompt, output = table.draw(np.random.default_rng(6), 100_000)
    assert stats.spearmanr(prompt, output).statistic == pytest.approx(correlation, abs=0.012)


def test_limits_cut_and_count():
    tokens = TokenCounts(np.array([5, 10, 11, 40]), np.array([3, 4, 2, 9]))
    cut, clipped = LengthLimits(10, 3).clip(tokens)
    assert cut.prompt.tolist() == [5, 10, 10, 10]
    assert cut.output.tolist() == [3, 3, 2, 3]
    assert clipped == (2, 2)
    assert tokens.prompt.tolist() == [5, 10, 11, 40]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Choice((), (1,)), r"prompt_tokens must hold .* got \(\)"),
        (lambda: Choice((1,), (0, 5)), r"output_tokens .* at least 1, got \(0, 5\)"),
        (lambda: LogNormal(10.0, 0.0, 10.0, 1.0), r"prompt_cv must be a positive finite number, got 0\.0"),
        (lambda: QuantileTable((0.0, 0.9), (1, 2), (1, 2)), "probabilities must rise from 0 to 1"),
        (lambda: QuantileTable((0.0, 0.5, 0.5, 1.0), (1, 2, 3, 4), (1, 2, 3, 4)), "probabilities must rise"),
        (lambda: QuantileTable((0.0, 1.0), (1, 2, 3), (1, 2)), "prompt_quantiles must hold one value .* 2 .* got 3"),
        (
            lambda: QuantileTable((0.0, 1.0), (1, 2), (3, 2)),
            "output_quantiles must start at 1 token or more and not decrease",
        ),
        (lambda: QuantileTable((0.0, 1.0), (0, 2), (1, 2)), "prompt_quantiles must start at 1"),
        (lambda: QuantileTable((0.0, 1.0), (1, 2), (1, 2), 1.5), r"rank_correlation must lie in \[-1, 1\], got 1\.5"),
        (lambda: LengthLimits(0, 5), "max_prompt_tokens must be at least 1, got 0"),
    ],
)
def test_impossible_parameters_are_rejected(build, message):
    with pytest.raises(ValueError, match=message):
        build()
