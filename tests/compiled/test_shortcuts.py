"""Numba with shortcuts compiles to the same code, and is as before afterwards."""

import sys
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest
from llvmlite import binding as llvm
from numba.core import errors, event, types
from numba.core.compiler import Flags
from numba.extending import overload

from edge_llm_gym.compiled import njit, shortcuts

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")


def present():
    return [owner.__dict__[name] for owner, name, _ in shortcuts.REPLACED], list(llvm.ffi.lib._lock._cblist)


def test_numba_is_as_before_afterwards():
    before = present()
    with shortcuts.shortcuts():
        assert present() != before
    assert present() == before
    with pytest.raises(ZeroDivisionError), shortcuts.shortcuts():
        raise ZeroDivisionError
    assert present() == before


class Pair(NamedTuple):
    """An array and a number."""

    array: Any
    number: Any


def test_the_result_of_a_program_does_not_depend_on_shortcuts(monkeypatch):
    def program(matrix, count):
        pair, total = Pair(matrix * 2.0, count), 0.0
        for i in range(pair.number):
            row = pair.array[i]
            total += row.sum() - min(i, 2) / 3 + (i + 1.5) * i - i // 2
        return total, np.argsort(pair.array[0]), Pair(pair.array[1:], 3)

    arguments = np.arange(12.0)[::-1].reshape(3, 4), 3
    quick = njit()(program)(*arguments)
    monkeypatch.setattr(shortcuts, "REPLACED", [])
    slow, plain = njit()(program)(*arguments), program(*arguments)
    for number, order, pair in (quick, slow):
        assert number == plain[0]
        assert order.tolist() == plain[1].tolist()
        assert pair.array.tolist() == plain[2].array.tolist()
        assert sys.getrefcount(pair.array) == sys.getrefcount(plain[2].array)


def test_a_definition_that_is_added_later_is_found():
    def thirds(number):
        raise NotImplementedError

    caller = njit()(lambda number: thirds(number))
    njit()(lambda number: number + 1)(1)
    overload(thirds)(lambda number: lambda number: number / 3)
    assert caller(6) == 2.0


def test_one_function_with_two_sets_of_options():
    """Both contain numba's own `sum`, compiled with their options."""

    def total(array):
        return array.sum() + max(array[0], 2.0)

    for options in ({}, {"_nrt": False}, {}, {"error_model": "numpy"}):
        assert njit(**options)(total)(np.arange(4.0)) == 8.0


def test_options_are_compared_by_their_values():
    plain, other, same = Flags(), Flags(), Flags()
    other.nrt, same.nrt = True, False
    hashes = [hash(each) for each in (plain, other, same)]
    with shortcuts.shortcuts():
        assert plain == same
        assert plain != other
        assert [hash(each) for each in (plain, other, same)] == hashes
        quick = plain.values()
    assert quick == plain.values()


def test_variables_of_statements_are_those_of_numba():
    def program(array, number):
        for index in range(3):
            array[index] = (number, index, -number)[index % 2]
        return {"a": number, "b": array}, [number, array]

    statements = [each for block in numba.core.compiler.run_frontend(program).blocks.values() for each in block.body]
    expected = [each.list_vars() for each in statements]
    with shortcuts.shortcuts():
        assert [each.list_vars() for each in statements] == expected
    assert sum(map(len, expected)) > 20


def test_errors_are_marked_as_by_numba():
    scheme = errors.termcolor()
    with shortcuts.shortcuts():
        quick = [scheme.errmsg("text"), scheme.highlight("text"), scheme.code("text")]
    assert quick == [scheme.errmsg("text"), scheme.highlight("text"), scheme.code("text")]


def test_calls_of_llvm_are_events_for_those_who_listen():
    with event.install_recorder(shortcuts.LLVM_LOCK) as recorder:
        njit()(lambda number: number + 3)(1)
    assert len(recorder.buffer) > 10


def test_a_signature_is_looked_for_once(monkeypatch):
    asked = []
    search = shortcuts._get_call_type
    monkeypatch.setattr(shortcuts, "_get_call_type", lambda *given: asked.append(given[2]) or search(*given))
    monkeypatch.setattr(shortcuts, "_resolved", {})
    njit()(lambda a, b: a * b + b * a + (a + b) * (b + a))(1.5, 2.5)
    assert asked.count((types.float64, types.float64)) == 2  # one multiplication and one sum


def test_only_values_that_do_not_change_are_remembered():
    arrays = types.Array(types.float64, 1, "C")
    assert shortcuts._is_simple(types.Tuple((types.int64, arrays)))
    assert not shortcuts._is_simple(types.List(types.int64))
    assert not shortcuts._is_simple(types.Array(types.undefined, 1, "C"))
