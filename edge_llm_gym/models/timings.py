"""Timings of inference on a device: records, and CSV files of them."""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path
from typing import Any, Final

from edge_llm_gym.files import replacing
from edge_llm_gym.messages import quoted, shortened
from edge_llm_gym.models.checks import require_count, require_positive
from edge_llm_gym.names import known_name

KINDS: Final = ("prefill", "decode", "batch_prefill", "batch", "flops", "bytes_per_s")
"""Kinds of timings, see `Timing.kind`."""
SHAPED: Final = ("prefill", "decode")
"""Kinds of which all sequences have the same number of tokens."""
BATCHES: Final = ("batch_prefill", "batch")
"""Kinds that list the tokens of each sequence."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One timing. Raises ValueError (TypeError for a count that is not whole) for values that do not fit its kind."""

    device: str
    model: str
    weight_bits: float
    """Bits per weight."""
    kind: str
    """What was timed.

    - ``prefill``: one forward pass over ``batch`` prompts of ``prompt_or_context_tokens`` tokens each;
    - ``decode``: one decode iteration of ``batch`` sequences that attend to ``prompt_or_context_tokens`` tokens each;
    - ``batch``: a whole static batch with the given prompts and outputs: prefills one by one, then decode iterations
      in which every sequence takes part until the longest answer ends (a padded batch);
    - ``batch_prefill``: the prefills of such a batch;
    - ``flops`` and ``bytes_per_s``: limits of the device, FLOP/s of a matrix product and bytes/s of a copy.
    """
    batch: int
    """Number of sequences."""
    prompt_or_context_tokens: int | None
    """Tokens of each prompt or context, of the kinds ``prefill`` and ``decode``."""
    seconds: float
    """Seconds, or the rate of the kinds ``flops`` and ``bytes_per_s``."""
    prompts: tuple[int, ...] = ()
    """Prompt tokens of each sequence of a whole batch."""
    outputs: tuple[int, ...] = ()
    """Output tokens of each sequence of a whole batch."""

    def __post_init__(self) -> None:
        known_name("kind of timing", self.kind, KINDS)
        require_positive("Timing", weight_bits=self.weight_bits, seconds=self.seconds)
        if self.kind in SHAPED:
            require_count("Timing", batch=self.batch, prompt_or_context_tokens=self.prompt_or_context_tokens or 0)
        if self.kind in BATCHES:
            self._require_lengths()

    def _require_lengths(self) -> None:
        require_count("Timing", batch=self.batch)
        for name, tokens in (("prompts", self.prompts), ("outputs", self.outputs)):
            if len(tokens) != self.batch:
                raise ValueError(
                    f"Timing: a {self.kind} of {self.batch} sequences needs as many {name}, got {len(tokens)}; list "
                    f"the tokens of every sequence"
                )
            for count in tokens:
                require_count("Timing", **{name: count})


COLUMNS: Final = tuple(field.name for field in fields(Timing))
"""Columns of a CSV file of timings."""


def _counts(text: str) -> tuple[int, ...]:
    return tuple(int(each) for each in text.split())


_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "weight_bits": float,
    "batch": lambda text: int(text or 0),
    "prompt_or_context_tokens": lambda text: int(text) if text else None,
    "seconds": float,
    "prompts": _counts,
    "outputs": _counts,
}


def read_timings(path: str | PathLike[str]) -> list[Timing]:
    """Timings in a CSV file with the columns `COLUMNS`; token counts of a batch are separated by spaces.

    Raises ValueError, with the path, for a file that is no UTF-8 text, for missing or unknown columns and, with its
    line, for a value that does not fit.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8") as stream:
            reader = csv.reader(stream)
            head = next(reader, [])
            _require_columns(path, head)
            return [_timing(path, reader.line_num, head, cells) for cells in reader if cells]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{str(path)!r} is no file of timings, which is CSV in UTF-8: {error}") from None


def write_timings(path: str | PathLike[str], timings: Iterable[Timing]) -> None:
    """Writes timings to a CSV file that `read_timings` reads."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        writer.writerows([_text(getattr(timing, column)) for column in COLUMNS] for timing in timings)


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(str(each) for each in value)
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return "" if value is None else str(value)


def _require_columns(path: str | PathLike[str], found: Sequence[str]) -> None:
    missing = [name for name in COLUMNS if name not in found]
    unknown = [name for name in found if name not in COLUMNS]
    if missing or unknown:
        raise ValueError(
            f"a file of timings has the columns {','.join(COLUMNS)}; in {str(path)!r} "
            f"{', '.join(missing) or 'none'} is missing and {shortened(', '.join(unknown)) or 'none'} is unknown; "
            f"correct its first line"
        )


def _timing(path: str | PathLike[str], line: int, head: list[str], cells: list[str]) -> Timing:
    try:
        if len(cells) != len(head):
            raise ValueError(f"it has {len(cells)} values for {len(head)} columns")
        row = dict(zip(head, cells, strict=True))
        return Timing(**{name: _READERS.get(name, str)(row[name].strip()) for name in COLUMNS})
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"line {line} of {str(path)!r} is no timing: {shortened(str(error))}; it reads {quoted(','.join(cells))}"
        ) from None
