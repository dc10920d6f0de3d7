"""Sorting, windows, column names, packed files, spelling of tables, the cache, and the memory that reading takes."""

import bz2
import csv
import gzip
import io
import lzma
import tracemalloc
import zipfile
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from edge_llm_gym.workload import trace_reading
from edge_llm_gym.workload.trace_files import blocks, columns, json_rows, packed
from edge_llm_gym.workload.trace_files.errors import TraceError
from edge_llm_gym.workload.trace_files.timestamps import parse_timestamps
from edge_llm_gym.workload.trace_reading import read_requests, read_trace
from edge_llm_gym.workload.trace_source import TraceSource, parse_bound, parse_columns

HEAD = "arrival_s,prompt_tokens,output_tokens\n"
ROWS = "0,10,1\n0.25,20,2\n1.5,30,3\n"
DATED = "TIMESTAMP,ContextTokens,GeneratedTokens\n" + "".join(
    f"2023-11-16 23:59:{second},{second},1\n" for second in (50, 52, 58)
)


@pytest.fixture
def block_size(monkeypatch):
    """Sets the number of characters that are read at once."""

    def set_size(characters):
        for module in (blocks, columns, json_rows):
            monkeypatch.setattr(module, "BLOCK_CHARACTERS", characters)

    return set_size


def written(tmp_path, text, name="trace.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def values(path, **source):
    trace = read_trace(TraceSource(str(path), **source))
    return [*zip(trace.arrival_s.tolist(), trace.prompt_tokens.tolist(), trace.output_tokens.tolist(), strict=True)]


EXPECTED = [(0.0, 10, 1), (0.25, 20, 2), (1.5, 30, 3)]


def test_unsorted_rows_are_sorted_stably_and_noted(tmp_path):
    trace = read_trace(written(tmp_path, HEAD + "5,1,1\n3,2,2\n9,3,3\n5,4,4\n"))
    assert trace.arrival_s.tolist() == [0.0, 2.0, 2.0, 6.0]
    assert trace.prompt_tokens.tolist() == [2, 1, 4, 3]
    assert trace.notes == ("sorted by time: 2 rows preceded the row before them",)


def test_the_file_order_of_many_equal_times_is_kept(tmp_path):
    rows = "".join(f"{row % 3},{row + 1},1\n" for row in range(999))
    trace = read_trace(written(tmp_path, HEAD + rows))
    assert trace.prompt_tokens.tolist() == [*range(1, 1000, 3), *range(2, 1000, 3), *range(3, 1000, 3)]


def _zipped(data):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside.csv", data)
    return file.getvalue()


PACKERS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zip": _zipped}


@pytest.mark.parametrize("suffix", PACKERS)
def test_packed_files_are_recognised_by_content_and_damaged_ones_refused(tmp_path, suffix):
    data = PACKERS[suffix](
        (HEAD + ROWS + "".join(f"{second},7,{second % 97 + 1}\n" for second in range(2, 999))).encode()
    )
    path = written(tmp_path, data, "trace.csv" + suffix)
    assert values(path)[:3] == EXPECTED
    assert read_trace(path).name == "trace"
    assert values(written(tmp_path, data, "no-ending"))[:3] == EXPECTED
    for damaged in (data[: len(data) // 2], data[:40] + bytes(8) + data[48:]):
        with pytest.raises(TraceError):
            read_trace(written(tmp_path, damaged, "damaged"))


def test_unknown_packings_and_archives_of_several_files_are_refused(tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.csv", HEAD)
        archive.writestr("b.csv", HEAD)
    with pytest.raises(TraceError, match="must hold one file, got 2"):
        read_trace(written(tmp_path, file.getvalue()))
    with pytest.raises(TraceError, match="must be CSV or JSON text, packed or not, got zstandard"):
        read_trace(written(tmp_path, b"\x28\xb5\x2f\xfd" + bytes(40)))


@pytest.mark.parametrize(("suffix", "content"), [(".gz", b"x"), (".xz", b"\n")], ids=["one line", "blank lines"])
def test_what_unpacks_to_far_more_than_its_size_is_refused_in_bounded_memory(
    tmp_path, suffix, content, monkeypatch, block_size
):
    monkeypatch.setattr(packed, "FREE_BYTES", 2**18)
    block_size(2**16)
    path = written(tmp_path, PACKERS[suffix](content * 2**24), "bomb" + suffix)
    tracemalloc.start()
    try:
        with pytest.raises(TraceError, match=r"must unpack to at most 200 times its size, got more than \d+ bytes"):
            read_trace(path)
        assert tracemalloc.get_traced_memory()[1] < 12 * 2**20
    finally:
        tracemalloc.stop()


def test_a_line_without_end_is_refused(tmp_path, monkeypatch, block_size):
    block_size(2**10)
    monkeypatch.setattr(blocks, "MAX_LINE_CHARACTERS", 2**12)
    with pytest.raises(TraceError, match="line 2: must be shorter than 4096 characters"):
        read_trace(written(tmp_path, HEAD + "1" * 9999))


SPELLINGS = {
    "as written by the csv module": HEAD + ROWS,
    "byte order mark and CRLF": "\ufeff" + (HEAD + ROWS).replace("\n", "\r\n"),
    "lone CR": (HEAD + ROWS).replace("\n", "\r"),
    "blank lines": "\n  \n" + HEAD + "\n" + ROWS.replace("\n", "\n\t \n"),
    "no newline at the end": (HEAD + ROWS)[:-1],
    "case and spaces in the header": " Arrival_S , PROMPT_TOKENS,Output_tokens \n" + ROWS,
    "spaces in the rows": HEAD + ROWS.replace(",", " , "),
    "trailing commas": (HEAD + ROWS).replace("\n", ",\n"),
    "trailing commas in rows only": HEAD + ROWS.replace("\n", ",,\n"),
    "a trailing comma in the header only": HEAD.replace("\n", ",\n") + ROWS,
    "semicolons": (HEAD + ROWS).replace(",", ";"),
    "tabs": (HEAD + ROWS).replace(",", "\t"),
    "quotes": (HEAD + ROWS).replace("0.25,20", '"0.25","20"').replace("arrival_s", '"arrival_s"'),
    "other order and columns": "output_tokens,note,arrival_s,prompt_tokens\n1,a,0,10\n2,,0.25,20\n3,b,1.5,30\n",
    "a quoted field of two lines": "note," + HEAD + 'a,0,10,1\n"b,\n""b""",0.25,20,2\nc,1.5,30,3\n',
    "exponents and signs": HEAD + "0e0,1e1,+1\n25e-2,20.0,2\n1.5,30,3\n",
    "JSON lines between blank lines": "\n \n"
    + "\n\n".join(
        f'{{"arrival_s": {time}, "Prompt_Tokens": {prompt}, "output_tokens": "{output}"}}'
        for time, prompt, output in EXPECTED
    ),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_spellings_of_one_table_are_read_alike(tmp_path, name):
    assert values(written(tmp_path, SPELLINGS[name])) == EXPECTED


def test_spaces_around_dates_do_not_matter(tmp_path):
    path = written(tmp_path, DATED.replace(",", " , ").replace("\n2023", "\n 2023"))
    assert values(path) == [(0.0, 50, 1), (2.0, 52, 1), (8.0, 58, 1)]


def test_a_column_named_twice_is_refused(tmp_path):
    with pytest.raises(TraceError, match="column 'arrival_s' must be named once, got 2 columns"):
        read_trace(written(tmp_path, "Arrival_s,ARRIVAL_S,prompt_tokens,output_tokens\n1,2,3,4\n"))


@pytest.mark.parametrize("quoted", [False, True], ids=["plain", "quoted"])
def test_blocks_are_read_as_by_the_csv_module(tmp_path, quoted, block_size):
    """Random tables in small blocks, against the values that Python reads from the same texts."""
    block_size(97)
    rng = np.random.default_rng(0)
    start = datetime(2024, 2, 28, 23, 59, tzinfo=UTC)
    rows = []
    for row in range(300):
        zone = timezone(timedelta(minutes=int(rng.integers(-600, 600))))
        arrival = start + timedelta(microseconds=int(rng.integers(0, 10**12)))
        note = "a, b" if quoted and row % 7 == 3 else "a"
        rows.append([arrival.astimezone(zone).isoformat(" "), note, *map(int, rng.integers(0, 40, 2))])
    file = io.StringIO()
    csv.writer(file).writerows([["TIMESTAMP", "note", "ContextTokens", "GeneratedTokens"], *rows])
    text = file.getvalue().replace("+00:00", "Z", 1)
    trace = read_trace(written(tmp_path, text))
    kept = sorted((row for row in rows if min(row[2:]) > 0), key=lambda row: datetime.fromisoformat(row[0]))
    times = [datetime.fromisoformat(row[0]) for row in kept]
    expected_s = [(time - times[0]) / timedelta(seconds=1) for time in times]
    np.testing.assert_allclose(trace.arrival_s, expected_s, rtol=0, atol=2e-10 * 1e6)
    assert trace.prompt_tokens.tolist() == [row[2] for row in kept]
    assert trace.output_tokens.tolist() == [row[3] for row in kept]
    assert trace.notes[0] == f"dropped {len(rows) - len(kept)} requests with 0 prompt or output tokens"


TIMES = [
    ("2023-11-16 18:17:03.9799600", "2023-11-16T18:17:03.979960000"),
    ("2023-11-16T18:17:03Z", "2023-11-16T18:17:03"),
    ("2024-05-10 00:00:00.009930+00:00", "2024-05-10T00:00:00.009930"),
    ("2024-05-10 00:00:01+02:00", "2024-05-09T22:00:01"),
    ("2024-02-28 23:30:00.5-0130", "2024-02-29T01:00:00.5"),
    ("1999-12-31 23:59:59.123456789", "1999-12-31T23:59:59.123456789"),
]


@pytest.mark.parametrize(("text", "utc"), TIMES)
def test_offsets_mean_what_they_say(text, utc):
    (parsed,) = parse_timestamps(np.array([text], "S"))
    assert parsed.astype("datetime64[ns]") == np.datetime64(utc, "ns")


NO_TIMES = [
    *("2023-11-16", "2023-11-16 18:17", "2023-11-16 18:17:60", "2023-02-29 00:00:00", "1823-01-01 00:00:00", "", "NaT"),
    *("2023-11-16 18:17:03.", "2023-11-16 18:17:03.1234567890", "2023-11-16 18:17:03+2:00", "2023-11-16 18:17:03 CET"),
    *("2023-11-16 18:17:03+24:00", "2023-11-16 18:17:03+02:60", "2023-11-16 18:17:03x02:00", "2023/11/16 18:17:03"),
]


@pytest.mark.parametrize("text", NO_TIMES)
def test_other_texts_are_no_times(text):
    with pytest.raises(ValueError, match=r"not a timestamp|not an offset|[Pp]arsing|out of range"):
        parse_timestamps(np.array([text], "S36"))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"window_from": 0.25}, [(0.0, 20, 2), (1.25, 30, 3)]),
        ({"window_until": 1.5}, EXPECTED[:2]),
        ({"window_from": 0.2, "window_until": 0.3}, [(0.0, 20, 2)]),
    ],
)
def test_a_window_is_half_open_and_counts_from_the_first_request(tmp_path, source, expected):
    path = written(
        tmp_path, HEAD + "".join(f"{float(row.split(',')[0]) + 100},{row.split(',', 1)[1]}\n" for row in ROWS.split())
    )
    assert values(path, **source) == expected
    assert f"{len(expected)} of 3 requests" in read_trace(TraceSource(str(path), **source)).notes[-1]


@pytest.mark.parametrize(
    ("source", "prompts"),
    [
        ({"window_from": "2023-11-16 23:59:52"}, [52, 58]),
        ({"window_until": "2023-11-17T01:59:58+02:00"}, [50, 52]),
        ({"window_from": 1.0, "window_until": "2023-11-16T23:59:58Z"}, [52]),
    ],
)
def test_a_window_may_be_given_by_dates(tmp_path, source, prompts):
    assert read_trace(TraceSource(str(written(tmp_path, DATED)), **source)).prompt_tokens.tolist() == prompts


@pytest.mark.parametrize(
    ("text", "source", "message"),
    [
        (HEAD + ROWS, {"window_from": 7.0}, r"got none from 7 s; the trace spans 1\.5 s"),
        (HEAD + ROWS, {"window_from": 0.5, "window_until": 1.0}, "got none from 0.5 s until 1 s"),
        (HEAD + ROWS, {"window_from": "2023-11-16 23:59:52"}, "the clock of this file has no date, .* give seconds"),
        ("prompt_tokens,output_tokens\n1,2\n", {"window_from": 1.0}, "a window needs arrival times"),
    ],
)
def test_a_window_without_requests_or_without_a_clock_is_refused(tmp_path, text, source, message):
    with pytest.raises(TraceError, match=message):
        read_requests(TraceSource(str(written(tmp_path, text)), **source))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"window_from": 2.0, "window_until": 2.0}, r"must end after it begins, got from 2\.0 until 2\.0"),
        ({"window_from": "2023-11-16 23:59:52", "window_until": "2023-11-16 23:59:51"}, "must end after it begins"),
        ({"window_from": -1.0}, r"a finite number of seconds, 0 or more, got -1\.0"),
        ({"window_from": float("nan")}, "a finite number of seconds"),
        ({"window_until": "noon"}, "or a time such as 2023-11-16 18:17:03, got 'noon'"),
        ({"format": "azur"}, "did you mean 'azure'"),
        ({"columns": {"arrival": "ts"}}, "unknown key of a trace column 'arrival'; did you mean 'arrival_"),
    ],
)
def test_invalid_sources_are_refused_before_a_file_is_opened(source, message):
    with pytest.raises(ValueError, match=message):
        TraceSource("nowhere.csv", **source)


@pytest.mark.parametrize(
    ("key", "times"),
    [
        ("arrival_s", [1000, 1000.25, 1001.5]),
        ("arrival_ms", [1000, 1250, 2500]),
        ("arrival_us", [0, 250_000, 1_500_000]),
        ("arrival_ns", [0, 250_000_000, 1_500_000_000]),
        ("arrival_time", ["2024-01-01 00:00:00", "2024-01-01 00:00:00.25", "2024-01-01 00:00:01.5"]),
    ],
)
def test_columns_can_be_named_with_their_unit(tmp_path, key, times):
    rows = "".join(f"{time},{prompt},{output}\n" for time, (_, prompt, output) in zip(times, EXPECTED, strict=True))
    path = written(tmp_path, "ts,in,output_tokens\n" + rows)
    assert values(path, columns={key: "ts", "prompt_tokens": "in"}) == EXPECTED


def test_named_columns_replace_those_of_a_format_and_nested_formats_refuse_them(tmp_path):
    path = written(tmp_path, "arrived_at,in,num_decode_tokens\n3,10,1\n3.25,20,2\n4.5,30,3\n")
    assert values(path, format="vidur", columns={"prompt_tokens": "in"}) == EXPECTED
    with pytest.raises(ValueError, match="for flat formats only"):
        values(path, format="aibrix", columns={"prompt_tokens": "in"})
    with pytest.raises(ValueError, match="must name one arrival column, got arrival_s and arrival_ms"):
        values(path, columns={"arrival_s": "a", "arrival_ms": "b"})
    with pytest.raises(TraceError, match="column 'inn' is missing; did you mean 'in'"):
        values(path, format="vidur", columns={"prompt_tokens": "inn"})


def test_texts_of_the_command_line_are_parsed():
    assert parse_columns("arrival_s=ts, prompt_tokens = Request tokens") == {
        "arrival_s": "ts",
        "prompt_tokens": "Request tokens",
    }
    assert parse_bound("600") == 600.0
    assert parse_bound("2023-11-16 18:30:00") == "2023-11-16 18:30:00"
    for text in ("arrival_s", "arrival_s=", "=ts", ""):
        with pytest.raises(ValueError, match="columns must be key=name pairs"):
            parse_columns(text)


@pytest.mark.parametrize(
    ("times", "line"),
    [([0, 1715299200, 1715299201.5], 2), ([1715299200, 1715299201.5, 3], 4), ([0, 1, 2, 3, 1715299200], 6)],
)
def test_an_absurd_span_is_refused_with_the_row_apart_from_the_others(tmp_path, times, line):
    text = HEAD + "".join(f"{time},1,1\n" for time in times)
    with pytest.raises(
        TraceError, match=rf"line {line}: .* at most 3\.16e\+08 s \(10 years\) apart, got 1\.7153e\+09 s"
    ):
        read_trace(written(tmp_path, text))
    dropped = text.replace(HEAD, HEAD + "\n0,0,1\n")
    with pytest.raises(TraceError, match=f"line {line + 2}: "):
        read_trace(written(tmp_path, dropped))


def test_a_file_is_read_once_until_it_changes(tmp_path, monkeypatch):
    reads = []
    read_columns = trace_reading.read_columns
    monkeypatch.setattr(trace_reading, "read_columns", lambda *given: reads.append(given) or read_columns(*given))
    path = written(tmp_path, HEAD + ROWS)
    trace = read_trace(path)
    assert read_trace(str(path)) is trace
    monkeypatch.chdir(tmp_path)
    assert read_trace("trace.csv") is trace
    assert len(reads) == 1
    assert not any(array.flags.writeable for array in (trace.arrival_s, trace.prompt_tokens, trace.output_tokens))
    assert read_trace(TraceSource("trace.csv", window_from=0.25)).requests == 2
    assert len(reads) == 2
    path.write_text(HEAD + ROWS + "9,9,9\n")
    assert read_trace(path).requests == 4


def test_reading_takes_less_than_100_bytes_a_row(tmp_path, block_size):
    block_size(2**14)
    rows = "".join(f"{second}.25,{second % 900 + 1},7\n" for second in range(100_000))
    path = written(tmp_path, HEAD + rows)
    tracemalloc.start()
    try:
        read_trace(path)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 30 * 100_000
    assert peak < 60 * 100_000
