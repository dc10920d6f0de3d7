"""Stable sorting of indices by their keys, in place, in n log n comparisons.

Few items are inserted one by one. That moves each of them past all items with larger keys: it takes the least time for
short or nearly sorted ranges, and time that is quadratic in the number of items otherwise. More items are sorted by
merging. Both keep the order of items with equal keys, so that the result does not depend on the method.
"""

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel

FEW = 32
"""Most items that are inserted one by one."""


@kernel
def insert(items: Array, first: int, middle: int, last: int, keys: Array) -> None:
    """Inserts items[middle:last] one by one into items[first:middle], which is sorted by keys[item]."""
    for unsorted in range(middle, last):
        item, index = items[unsorted], unsorted
        while index > first and keys[items[index - 1]] > keys[item]:
            items[index] = items[index - 1]
            index -= 1
        items[index] = item


@kernel
def merge(items: Array, first: int, middle: int, last: int, keys: Array, scratch: Array) -> None:
    """Merges items[middle:last] into items[first:middle], both sorted by keys[item].

    Runs from the end and stops at the first item of items[first:middle] that keeps its place. scratch holds at least
    last - middle items.
    """
    count = last - middle
    for index in range(count):
        scratch[index] = items[middle + index]
    left, right = middle - 1, count - 1
    while right >= 0:
        if left >= first and keys[items[left]] > keys[scratch[right]]:
            items[left + right + 1] = items[left]
            left -= 1
        else:
            items[left + right + 1] = scratch[right]
            right -= 1


@kernel
def merge_sort_into(items: Array, middle: int, last: int, keys: Array, scratch: Array) -> None:
    """Does what `sort_into` does by merging, whatever the number of items."""
    for begin in range(middle, last, FEW):
        insert(items, begin, begin, min(begin + FEW, last), keys)
    width = FEW
    while width < last - middle:
        for begin in range(middle, last - width, 2 * width):
            merge(items, begin, begin + width, min(begin + 2 * width, last), keys, scratch)
        width *= 2
    if middle > 0:
        merge(items, 0, middle, last, keys, scratch)


@kernel
def sort_into(items: Array, middle: int, last: int, keys: Array, scratch: Array) -> None:
    """Sorts items[middle:last] by keys[item] into the sorted items[:middle]; scratch holds last - middle items."""
    if last - middle <= FEW:
        insert(items, 0, middle, last, keys)
    else:
        merge_sort_into(items, middle, last, keys, scratch)
