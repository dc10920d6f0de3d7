"""Kernels draw from streams what NumPy's methods draw from the generators, which go on afterwards."""

import threading

import numpy as np
import pytest

from edge_llm_gym.compiled.streams import generator_of, stream_kernel, stream_of

BIT_GENERATORS = (np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64)


@stream_kernel
def drawn(stream, count, mean, shape):
    """Uniform, normal, exponential, Poisson and Gamma numbers [n, 5], one of each in turn."""
    rng, out = generator_of(stream), np.empty((count, 5))
    for index in range(count):
        out[index, 0] = rng.random()
        out[index, 1] = rng.standard_normal()
        out[index, 2] = rng.standard_exponential()
        out[index, 3] = rng.poisson(mean)
        out[index, 4] = rng.gamma(shape, 1.7)
    return out


def plain(rng, count, mean, shape):
    return [
        [rng.random(), rng.standard_normal(), rng.standard_exponential(), rng.poisson(mean), rng.gamma(shape, 1.7)]
        for _ in range(count)
    ]


@pytest.mark.parametrize("bit_generator", BIT_GENERATORS)
def test_kernels_draw_what_numpy_draws(bit_generator):
    compiled, numpy = (np.random.Generator(bit_generator(7)) for _ in range(2))
    for mean, shape in ((0.4, 0.3), (25.0, 6.0)):  # both methods for Poisson and for Gamma numbers
        np.testing.assert_array_equal(
            drawn(stream_of(compiled), 2000, mean, shape), plain(numpy, 2000, mean, shape), strict=True
        )
        assert compiled.random() == numpy.random()


def test_streams_of_one_type_are_told_apart():
    first, second = np.random.default_rng(1), np.random.default_rng(2)
    streams = stream_of(first), stream_of(second)
    assert (drawn(streams[0], 3, 1.0, 1.0) != drawn(streams[1], 3, 1.0, 1.0)).any()


def test_threads_with_generators_of_their_own_draw_at_once():
    seeds, found = range(4), {}

    def work(seed):
        rng = np.random.default_rng(seed)  # a name keeps it alive
        found[seed] = drawn(stream_of(rng), 5000, 3.0, 2.0)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in seeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in seeds:
        np.testing.assert_array_equal(found[seed], plain(np.random.default_rng(seed), 5000, 3.0, 2.0))
