"""Rows of JSON records that hold several requests, or texts in place of token counts.

- AIBrix (vllm-project/aibrix, benchmarks/generator/workload_generator): `timestamp` and a list `requests`, each with
  `prompt_length` and `output_length`; null stands for an unknown length.
- Results of `vllm bench serve --save-detailed` (vllm-project/vllm, vllm/benchmarks/serve.py) and of SGLang's
  `bench_serving --output-details` (sgl-project/sglang): lists `input_lens` and `output_lens`, newer versions of vLLM
  `start_times` too.
- ShareGPT: a list `conversations` of turns with a text `value`. As in the benchmarks of vLLM and SGLang, the first turn
  is the prompt and the second the answer.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

CHARACTERS_PER_TOKEN = 4
"""OpenAI's rule of thumb for English text; other languages and tokenizers differ."""

Record = Mapping[str, Any]


def aibrix_rows(record: Record) -> Iterable[tuple[object, ...]]:
    """Arrival, prompt and output tokens of the requests of one timestamp; an unknown length counts as 0."""
    for request in _list(record, "requests"):
        if not isinstance(request, dict):
            raise ValueError(f"'requests' must hold objects, got {request!r:.80}")
        yield record["timestamp"], *(_known(request, key) for key in ("prompt_length", "output_length"))


def _known(request: Record, key: str) -> object:
    value = request.get(key)
    return 0 if value is None else value


def benchmark_rows(record: Record) -> Iterable[tuple[object, ...]]:
    """Arrival, prompt and output tokens of the requests of one run."""
    return _zipped(record, ("start_times", "input_lens", "output_lens"))


def benchmark_lengths(record: Record) -> Iterable[tuple[object, ...]]:
    """Prompt and output tokens of the requests of one run."""
    return _zipped(record, ("input_lens", "output_lens"))


def _zipped(record: Record, keys: tuple[str, ...]) -> Iterable[tuple[object, ...]]:
    lists = [_list(record, key) for key in keys]
    sizes = [len(each) for each in lists]
    if len(set(sizes)) > 1:
        raise ValueError(f"{', '.join(map(repr, keys))} must be lists of one length, got lengths {sizes}")
    return zip(*lists, strict=True)


def sharegpt_rows(record: Record) -> Iterable[tuple[object, ...]]:
    """Estimated tokens of the first two turns; 0 where a conversation has fewer turns."""
    first, second = (*_list(record, "conversations"), None, None)[:2]
    yield _estimated_tokens(first), _estimated_tokens(second)


def _estimated_tokens(turn: object) -> int:
    if turn is None:
        return 0
    if not isinstance(turn, dict) or not isinstance(turn.get("value"), str):
        raise ValueError(f"'conversations' must hold objects with a text 'value', got {turn!r:.80}")
    return math.ceil(len(turn["value"]) / CHARACTERS_PER_TOKEN)


def _list(record: Record, key: str) -> list[Any]:
    value = record[key]
    if not isinstance(value, list):
        raise ValueError(f"{key!r} must be a list, got {value!r:.80}")
    return value
