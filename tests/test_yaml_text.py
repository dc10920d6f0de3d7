"""The reader of YAML: the core schema of YAML 1.2, limits, and messages with line, rule and value."""

import math
import time

import pytest

from edge_llm_gym.yaml_text import MAX_DEPTH, MAX_VALUES, YamlError, dump_yaml, is_file, parse_yaml, read_yaml

BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{level}: &a{level} [{','.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 12)
)
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{level}: &a{level} [*a{level - 1}]\n" for level in range(1, 2000))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1:00", "1:00"),
        ("yes", "yes"),
        ("no", "no"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("10", 10),
        ("-3", -3),
        ("0", 0),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("1e9", 1e9),
        ("-2.5E-3", -2.5e-3),
        (".5", 0.5),
        ("5.", 5.0),
        ("-.inf", -math.inf),
        ("2001-01-01", "2001-01-01"),
        ("'010'", "010"),
        ("\ufeffa: 1", {"a": 1}),
        ("{a: &x {b: 1}, c: {<<: *x, d: 2}}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("a: &x [1]\nb: [*x, *x]", {"a": [1], "b": [[1], [1]]}),
    ],
)
def test_plain_values(text, value):
    assert parse_yaml(text) == value
    assert type(parse_yaml(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nslots: 010", "line 2: a whole number must not begin with 0, .* got 010; write 10"),
        ("a: -00", "got -00; write -0"),
        ("a: 1\nb: 2\na: 3", "line 3: the key 'a' is given twice; keep one of them"),
        ("a: 1\nx: {b: 2, b: 3}", "line 2: the key 'b' is given twice"),
        ("a: " + "1" * 5000, "a number of 5000 digits is too long"),
        ("a: !!python/object/apply:os.getcwd []", "line 1: not valid YAML here, as tags are not supported"),
        ("a: !!int 1", "tags are not supported, got 'tag:yaml.org,2002:int'"),
        ("? [a]\n: b", "line 1: a key must be a text, got a list or a mapping"),
        ("a: &x [*x]", "an alias refers to the value that it is part of"),
        ("a: [1", "not valid YAML: "),
        ("a: \x00", "not valid YAML: "),
        ("--- a\n--- b", "not valid YAML: "),
        (BOMB, f"a text may hold {MAX_VALUES:,} values, aliases expanded"),
        (CHAIN, f"lists and mappings may be nested {MAX_DEPTH} deep"),
        ("[" * 20_000, f"nested {MAX_DEPTH} deep"),
        ("{a: " * 20_000, f"nested {MAX_DEPTH} deep"),
        ("- " * 5000 + "a", f"nested {MAX_DEPTH} deep"),
        ("x" * 1_000_001, "at most 1,000,000 bytes"),
    ],
)
def test_what_is_refused(text, message):
    begun_s = time.process_time()
    with pytest.raises(YamlError, match=message) as refused:
        parse_yaml(text)
    assert len(str(refused.value)) < 1000
    assert time.process_time() - begun_s < 5.0


def test_nesting_up_to_the_limit_is_read():
    assert str(parse_yaml("[" * MAX_DEPTH + "]" * MAX_DEPTH)).count("[") == MAX_DEPTH
    with pytest.raises(YamlError, match="nested"):
        parse_yaml("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))


def test_what_is_dumped_is_read_as_the_same():
    data = {"a": "1e9", "b": "010", "c": "yes", "d": 1e-5, "e": "1:00", "f": 1e300, "g": "0o17", "h": None, "i": True}
    data |= {"j": "é", "k": 1e16, "l": ".5", "m": "null", "n": "~", "o": 7, "p": [1.5, "1.5"], "q": ""}
    assert parse_yaml(dump_yaml(data)) == data


def test_a_file_that_is_not_utf_8(tmp_path):
    file = tmp_path / "latin.yaml"
    file.write_bytes("name: café".encode("latin-1"))
    with pytest.raises(YamlError, match="must be encoded in UTF-8, got the byte 0xe9 at position 9; save"):
        read_yaml(file)


@pytest.mark.parametrize("path", ["a" * 5000, "\x00", "/proc/1/fd/x"])
def test_a_text_that_no_file_can_be(path):
    assert not is_file(path)
