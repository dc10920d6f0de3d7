"""Byte-level byte-pair encoding (Sennrich et al., ACL 2016) by the library tokenizers, with line ends as one token."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exit_profile.corpus import SEPARATOR, CorpusError

SEPARATOR_TEXT = "\0"
NEWLINE_TEXT = "Ċ"
"""How byte-level vocabularies write a line feed"""
SMALLEST = 257
"""All bytes and the separator"""
LARGEST = 2**16
"""Token ids are kept as uint16."""
FILES_AT_ONCE = 64


def train_tokenizer(texts: Sequence[str], vocabulary: int) -> Any:
    """A tokenizer with ``vocabulary`` tokens: id 0 separates files, the others are the bytes and frequent sequences.

    A line feed is never merged with other characters, so that each line ends with the same token. Words are split as by
    GPT-2. Raises `CorpusError` if the texts are too short for so many tokens.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    split = pre_tokenizers
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = split.Sequence([split.Split("\n", "isolated"), split.ByteLevel(add_prefix_space=False)])
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[SEPARATOR_TEXT],
        initial_alphabet=sorted(split.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if (found := tokenizer.get_vocab_size()) != vocabulary:
        raise CorpusError(
            f"the training text gives a vocabulary of {found} tokens at most, got --vocabulary {vocabulary}: "
            f"give {SMALLEST} to {found}, or more sources"
        )
    return tokenizer


def newline_id(tokenizer: Any) -> int:
    """The token id of a line end."""
    return int(tokenizer.token_to_id(NEWLINE_TEXT))


def encode(tokenizer: Any, texts: Sequence[str]) -> NDArray[np.uint16]:
    """Token ids of all texts in one array, with `SEPARATOR` between two texts."""
    parts = list(_encoded(tokenizer, texts))
    return np.concatenate(parts)[:-1]


def _encoded(tokenizer: Any, texts: Sequence[str]) -> Iterator[NDArray[np.uint16]]:
    """The ids of each text, with a separator after them; in parts, since the library's records are large."""
    for first in range(0, len(texts), FILES_AT_ONCE):
        for encoding in tokenizer.encode_batch_fast(texts[first : first + FILES_AT_ONCE]):
            yield np.array([*encoding.ids, SEPARATOR], dtype=np.uint16)
