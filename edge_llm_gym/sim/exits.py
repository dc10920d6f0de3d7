"""Where requests leave a node, and how good an answer at an exit may be called."""

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel


@kernel
def last_block_of(confidence: Array, request: int, first: int, last: int, threshold: float) -> tuple[int, bool]:
    """The last block in first..last that a node computes for a request, and whether the request leaves after it.

    It leaves at the first hosted exit where its confidence, a row of [C, E], reaches the threshold; the last exit of
    all always answers.
    """
    for block in range(first, last):
        if confidence[request, block] >= threshold:
            return block, True
    return last, confidence[request, last] >= threshold or last == confidence.shape[1] - 1


@kernel
def expected_accuracy(sorted_confidence: Array, tail_accuracy: Array, block: int, threshold: float) -> float:
    """Accuracy to expect of an answer at an exit with this threshold, relative to the full model's.

    It is that of the profile's rows whose confidence there reaches the threshold; an answer of the last exit is the
    model's best and counts as full. sorted_confidence [E, Z] ascends, tail_accuracy [E, Z + 1] is the accuracy of the
    rows from a place of that order on.
    """
    if block == sorted_confidence.shape[0] - 1:
        return 1.0
    below, end = 0, sorted_confidence.shape[1]
    while below < end:
        middle = (below + end) // 2
        if sorted_confidence[block, middle] < threshold:
            below = middle + 1
        else:
            end = middle
    return tail_accuracy[block, below]


@kernel
def count_confidences(confidence, visited, finish_s, exit_block, last_block, request, now_s, count):  # type: ignore[no-untyped-def]
    """Adds to count [E, bins] the confidences of a request at the exits that have been computed by now.

    Of a row: confidence [C, E], visited [C, S] 1 + node in each stage, 0 for none, finish_s [C, S] when it was done
    there, exit_block [C] 1 + block after which it leaves; last_block [K]. A request takes all blocks in order, so those
    that have been computed are the first ones.
    """
    computed = 0
    for stage in range(visited.shape[1]):
        node = visited[request, stage] - 1
        if node < 0 or finish_s[request, stage] > now_s:
            break
        computed = min(exit_block[request], last_block[node] + 1)
    for block in range(computed):
        place = int(confidence[request, block] * count.shape[1])
        count[block, min(place, count.shape[1] - 1)] += 1
