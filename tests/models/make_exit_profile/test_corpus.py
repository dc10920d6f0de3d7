"""The corpora: which files, the split by file and by package, tokens."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest


def test_tests_and_generated_files_are_left_out_and_the_rest_comes_in_order(part: Any, tmp_path: Path) -> None:
    kept = ["a.py", "json/decoder.py", "z.py"]
    left_out = ["test/a.py", "json/tests/b.py", "site-packages/c.py", "encodings/d.py", "_sysconfigdata__x.py", "e.txt"]
    for name in kept + left_out:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    found = part("corpus", needs_torch=False).source_files(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in found] == kept


def test_the_split_is_by_file_and_repeats_with_its_seed(part: Any) -> None:
    corpus = part("corpus", needs_torch=False)
    first, again, other = (corpus.read_corpus(seed) for seed in (0, 0, 1))
    assert np.array_equal(first.held_out, again.held_out)
    assert not np.array_equal(first.held_out, other.held_out)
    assert first.files[1] == -(-sum(first.files) // 10)
    separators = [int(np.count_nonzero(text == 0)) for text in (first.training, first.held_out)]
    assert separators == [count - 1 for count in first.files]


def test_whole_packages_are_held_out_and_their_files_are_nowhere_in_training(part: Any, packages: Path) -> None:
    module = part("packages")
    sources = module.read_sources([packages])
    assert len(sources) == 44
    training, held_out = module.split(sources, seed=3)
    apart = [{source.package for source in side} for side in (training, held_out)]
    assert len(held_out) >= 2
    assert apart[0].isdisjoint(apart[1])
    assert len(apart[0] | apart[1]) == 24
    assert sorted(training + held_out) == sorted(sources)
    for package in apart[1]:
        assert all(package not in source.text for source in training)


def test_a_copied_file_counts_for_its_first_package_only(part: Any, packages: Path) -> None:
    module = part("packages")
    (packages / "package19" / "copy.py").write_text((packages / "package00" / "first.py").read_text())
    (packages / "module9.py").write_text((packages / "package07" / "second.py").read_text())
    sources = module.read_sources([packages, packages])
    assert len(sources) == 2 * 46
    kept = module.unique(sources)
    assert len(kept) == len({source.text for source in kept}) == 44
    assert [source.package for source in kept if "package00_first" in source.text] == ["package00"]
    assert [source.package for source in kept if "package07_second" in source.text] == ["module9"]  # sorted by name


def test_files_that_are_not_plain_utf_8_are_left_out(part: Any, packages: Path) -> None:
    (packages / "latin.py").write_bytes("# \xe9\n".encode("latin-1"))
    (packages / "zero.py").write_text("a = 1\0\n")
    assert {source.package for source in part("packages").read_sources([packages])}.isdisjoint({"latin", "zero"})


def test_a_tenth_of_the_text_is_held_out_and_no_further_package_fits(part: Any) -> None:
    module = part("packages")
    sizes = {f"p{index}": int(size) for index, size in enumerate(np.random.default_rng(0).integers(1, 200, 100))}
    limit, drawn = 0.1 * sum(sizes.values()), [module.held_out_packages(sizes, seed) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    for taken in drawn:
        used = sum(sizes[name] for name in taken)
        assert used <= limit
        assert all(used + size > limit for name, size in sizes.items() if name not in taken)
    assert module.held_out_packages(dict(reversed(sizes.items())), 0) == drawn[0]


def test_too_few_packages_are_an_error(part: Any, tmp_path: Path) -> None:
    module, error = part("packages"), part("corpus").CorpusError
    (tmp_path / "a.py").write_text("a = 1\n" * 50)
    with pytest.raises(error, match=r"1 packages and none holds at most a tenth .*give folders with more packages"):
        module.read_packages([tmp_path], 300, seed=0)


def test_tokens_decode_to_the_files_and_the_tokenizer_sees_the_training_files_only(
    part: Any, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    module, seen, made = part("packages"), [], []
    (packages / "package05" / "odd.py").write_text("if é:\n\n\n\tx = '  a\u2028b'\r\n        y = 1")

    def train(texts: list[str], vocabulary: int) -> Any:
        seen.extend(texts)
        made.append(part("tokens").train_tokenizer(texts, vocabulary))
        return made[0]

    monkeypatch.setattr(module, "train_tokenizer", train)
    corpus = module.read_packages([packages], 320, seed=0)
    training, held_out = module.split(module.unique(module.read_sources([packages])), seed=0)
    assert seen == [source.text for source in training]
    made[0].decoder = tokenizers.decoders.ByteLevel()
    for tokens, side in ((corpus.training, training), (corpus.held_out, held_out)):
        files = np.split(tokens, np.flatnonzero(tokens == 0))
        texts = [made[0].decode([token for token in file.tolist() if token]) for file in files]
        assert texts == [source.text for source in side]
        lines = sum(source.text.count("\n") for source in side)
        assert np.count_nonzero(tokens == corpus.newline) == lines
    assert corpus.files == (len(training), len(held_out))


def test_a_tokenizer_repeats_and_has_as_many_tokens_as_asked(part: Any) -> None:
    pytest.importorskip("tokenizers")
    tokens, error = part("tokens"), part("corpus").CorpusError
    texts = [f"def name{index % 7}(self):\n    return value + {index}\n" for index in range(50)]
    first, again = (tokens.train_tokenizer(texts, 290) for _ in range(2))
    assert first.get_vocab() == again.get_vocab()
    assert first.get_vocab_size() == 290
    assert [token for token in first.get_vocab() if "Ċ" in token] == ["Ċ"]  # a line end is never part of a longer token
    assert np.array_equal(tokens.encode(first, texts), tokens.encode(again, texts))
    with pytest.raises(error, match=r"vocabulary of \d+ tokens at most, got --vocabulary 5000: give 257 to \d+"):
        tokens.train_tokenizer(texts, 5000)
