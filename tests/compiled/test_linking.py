"""Functions that call one another: each is compiled once, and the whole is optimised once."""

import itertools
import pickle
import time

import numba
import numpy as np
import pytest
from numba import objmode
from numba.core.bytecode import FunctionIdentity
from numba.extending import overload

from edge_llm_gym.compiled import linking, njit, part_kernel

kernel = njit(_nrt=False, forceinline=True)
pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")


def make_diamond():
    """Four new kernels: the first calls two that both call the last."""

    @kernel
    def squared(number):
        return number * number

    @kernel
    def plus(number):
        return squared(number) + 1.0

    @kernel
    def minus(number):
        return squared(number) - max(number, 1.0)

    @kernel
    def diamond(number):
        return plus(number) * minus(number) + squared(plus(number))

    return diamond, (plus, minus, squared)


def by_hand(number):
    plus, minus = number**2 + 1.0, number**2 - max(number, 1.0)
    return plus * minus + plus**2


def test_callees_at_all_depths_are_linked():
    diamond, callees = make_diamond()
    assert [diamond(number) for number in (0.5, 3.0)] == [by_hand(0.5), by_hand(3.0)]
    assert callees[0](3.0) == 10.0


def test_the_whole_is_optimised_once_and_callees_have_no_machine_code(monkeypatch):
    optimised = []
    for kind in (linking.EntryLibrary, linking.JITCodeLibrary):
        optimise = kind._optimize_final_module
        monkeypatch.setattr(
            kind,
            "_optimize_final_module",
            lambda library, optimise=optimise: (optimised.append(library), optimise(library)),
        )
    diamond, callees = make_diamond()
    diamond(3.0)
    assert [type(library) for library in optimised] == [linking.EntryLibrary]
    for callee in callees:
        assert not callee.overloads
        (result,) = callee.callee.overloads.values()
        assert result.library.get_pointer_to_function(result.fndesc.llvm_cpython_wrapper_name) == 0


def halved(number):
    """What the next test has numba compile."""
    return number / 2


IMPLEMENTATIONS = []


@overload(halved)
def _overloaded(number):
    def implementation(number):
        return number / 2

    IMPLEMENTATIONS.append(implementation)
    return implementation


def test_functions_of_numba_are_compiled_once_for_entries_and_callees():
    """Numba keeps them by the options of the caller."""

    @kernel
    def callee(number):
        return halved(number)

    @kernel
    def both(number):
        return halved(number) + callee(number)

    assert both(3.0) == 3.0
    assert len(IMPLEMENTATIONS) == 1


def test_literals_and_other_numbers_share_one_version():
    @kernel
    def shifted(number, by, twice):
        return number + (2 * by if twice else by)

    @kernel
    def caller(number, by):
        return shifted(number, 1, False) + shifted(number, by=2, twice=True) + shifted(number, by, by > 3)

    assert caller(10.0, 5) == 11.0 + 14.0 + 20.0
    assert list(shifted.callee.overloads) == [(numba.float64, numba.int64, numba.boolean)]


def test_a_function_compiled_by_numba_calls_a_kernel():
    diamond, _ = make_diamond()
    outer = numba.njit(lambda number: 2.0 * diamond(number))
    assert outer(3.0) == 2.0 * by_hand(3.0)


def test_a_kernel_is_pickled_as_its_source():
    copy = pickle.loads(pickle.dumps(checked))

    @njit()
    def caller(number):
        return copy(number) + 1.0

    assert caller(4.0) == 3.0


@njit()
def checked(number):
    if number < 0:
        raise ValueError("a number of zero or more", number)
    return np.sqrt(number)


@njit()
def total(numbers):
    result = 0.0
    for number in numbers:
        result += checked(number)
    return result


def test_an_exception_of_a_callee_arrives_with_its_values():
    assert total(np.array([1.0, 4.0])) == 3.0
    with pytest.raises(ValueError, match="zero or more") as raised:
        total(np.array([1.0, -2.5]))
    assert raised.value.args[1] == -2.5


@njit()
def clock_s():
    with objmode(now="float64"):
        now = time.perf_counter()
    return now


@njit()
def elapsed_s(begin_s):
    return clock_s() - begin_s


def test_a_callee_with_a_block_in_object_mode_runs():
    begin_s = time.perf_counter()
    first = elapsed_s(begin_s)
    assert 0.0 < first <= elapsed_s(begin_s) <= time.perf_counter() - begin_s


def test_numba_compiles_its_own_functions_for_others_as_before():
    make_diamond()[0](3.0)

    @numba.njit
    def sorted_sum(numbers):
        return np.sort(numbers)[:2].sum() + max(numbers[0], numbers[1])

    assert sorted_sum(np.array([3.0, 1.0, 2.0])) == 6.0
    (result,) = sorted_sum.overloads.values()
    assert type(result.library) is linking.JITCodeLibrary


def test_an_unknown_numba_compiles_as_usual(monkeypatch):
    """Nothing of the linking is used then, and results are equal."""
    known, _ = make_diamond()
    monkeypatch.setattr(linking, "KNOWN_NUMBA", ("0.0",))
    plain = njit(_nrt=False)(known.py_func)
    assert isinstance(known, linking.EntryDispatcher)
    assert not isinstance(plain, linking.EntryDispatcher)
    assert plain(3.0) == known(3.0) == by_hand(3.0)


def scaling(factor):
    """A function that multiplies numbers by calling one that LLVM does not copy into it; numba numbers both anew."""

    @part_kernel
    def scale(values):
        for place in range(values.size):
            values[place] *= factor

    @njit()
    def scaled(values):
        scale(values)
        scale(values)
        return values

    return scaled


def test_entries_do_not_call_functions_of_other_entries_with_the_same_name(monkeypatch):
    """As in a cache that several processes have filled, each of which began to count at 1."""
    found = []
    for factor in (2.0, 3.0):
        monkeypatch.setattr(FunctionIdentity, "_unique_ids", itertools.count(10**6))
        found.append(scaling(factor)(np.ones(3)).tolist())
    assert found == [[4.0] * 3, [9.0] * 3]
