"""Draws a seeded sample of mutants: positions of the source are equally likely, and each gives one mutant."""

import ast
import random
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

from cosmic_ray.work_item import MutationSpec, WorkItem

SENSELESS = re.compile(
    # Compiled by numba or not, a function computes the same, and tests run without numba.
    r"core/RemoveDecorator"
    # Bitwise operators refuse floating-point numbers: any test that reaches the line notices.
    r"|core/ReplaceBinaryOperator_(Add|Sub|Mul|Div|FloorDiv|Mod|Pow)_(RShift|LShift|BitOr|BitAnd|BitXor)"
    # Identity is no comparison of numbers.
    r"|core/ReplaceComparisonOperator_\w+_(Is|IsNot)$"
)

Range = tuple[tuple[int, int], tuple[int, int]]


def mutation_of(item: WorkItem) -> MutationSpec:
    """The mutation of a work item, of which Cosmic Ray's `init` makes exactly one."""
    (mutation,) = item.mutations
    return mutation


def draw(items: list[WorkItem], count: int, seed: int) -> list[WorkItem]:
    """Draws `count` mutants without replacement and numbers them by their job id.

    A smaller sample is the beginning of a larger one with the same seed.
    """
    generator = random.Random(seed)
    per_position = defaultdict(list)
    for item in sorted(filter(_sensible, items), key=_order):
        per_position[mutation_of(item).module_path, mutation_of(item).start_pos].append(item)
    drawn = [generator.choice(alternatives) for alternatives in per_position.values()]
    generator.shuffle(drawn)
    return [WorkItem(f"{number:05d}", item.mutations) for number, item in enumerate(drawn[:count])]


def _order(item: WorkItem) -> tuple[str, tuple[int, int], str, int]:
    mutation = mutation_of(item)
    return str(mutation.module_path), mutation.start_pos, mutation.operator_name, mutation.occurrence


def _sensible(item: WorkItem) -> bool:
    mutation = mutation_of(item)
    if SENSELESS.match(mutation.operator_name):
        return False
    return not any(start <= mutation.start_pos < end for start, end in _without_effect(mutation.module_path))


@cache
def _without_effect(module: Path) -> tuple[Range, ...]:
    """Annotations and decorators of a module, whose mutants change no result, as (line, column) ranges."""
    nodes: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        match node:
            case ast.arg() | ast.AnnAssign():
                nodes.append(node.annotation)
            case ast.FunctionDef():
                nodes += [node.returns, *node.decorator_list]
            case ast.ClassDef():
                nodes += node.decorator_list
    return tuple(_range(node) for node in nodes if node is not None)


def _range(node: ast.expr) -> Range:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
