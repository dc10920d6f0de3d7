"""The notice before the first compilation, and the time that compilation takes."""

import time

import numba
import pytest

from edge_llm_gym.compiled import njit
from edge_llm_gym.compiled.events import NOTICE, announcing, compile_count, compile_timer

kernel = njit(_nrt=False, forceinline=True)
pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")


def make_kernel():
    def doubled(number):
        return 2.0 * number

    doubled.__module__ = "edge_llm_gym.units"
    return kernel(doubled)


def test_a_notice_comes_once_before_the_first_compilation():
    said = []
    with announcing(said.append):
        assert said == []
        make_kernel()(1.0)
        make_kernel()(1.0)
    make_kernel()(1.0)
    assert said == [NOTICE]


def test_no_notice_of_functions_of_others_and_of_compiled_ones():
    ready, said = make_kernel(), []
    ready(1.0)
    with announcing(said.append):
        ready(2.0)
        numba.njit(lambda number: number + 1)(1.0)
    assert said == []


def test_the_timer_measures_compilation_and_nothing_else():
    function = make_kernel()
    with compile_timer() as compiled_s:
        time.sleep(0.05)
        assert compiled_s() == 0.0
        begin_s = time.perf_counter()
        function(1.0)
        elapsed_s = time.perf_counter() - begin_s
        spent_s = compiled_s()
        time.sleep(0.05)
        function(2.0)
        assert compiled_s() == spent_s
    assert 0.5 * elapsed_s < spent_s <= elapsed_s


def test_a_function_counts_once_with_what_it_calls():
    inner = make_kernel()

    @kernel
    def outer(number):
        return inner(number) + abs(number)

    with compile_count() as count:
        outer(1.0)
        outer(2.0)
        assert count() == 1
        inner(1.0)
        assert count() == 2
