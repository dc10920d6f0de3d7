import numpy as np
import pytest

from edge_llm_gym.workload.trace_formats import FORMATS
from edge_llm_gym.workload.traces import TraceError, read_trace

AZURE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 23:59:59.9799600,4808,10
2023-11-17 00:00:00.0319607,3180,8
2023-11-17 00:00:02,110,27
"""
MOONCAKE = """{"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47]}
{"timestamp": 30535, "input_length": 6472, "output_length": 26, "hash_ids": [46]}

"""
BURSTGPT = """Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
5,ChatGPT,472,18,490,Conversation log
45,ChatGPT,1087,0,1087,Conversation log
118,GPT-4,417,276,693,"Conversation, log"
"""
VIDUR = """arrived_at,num_prefill_tokens,num_decode_tokens
1.5,591,140
1.625,547,248
"""
OWN = """arrival_s,prompt_tokens,output_tokens
0,10,1
0.25,20,2
"""

EXAMPLES = {
    "azure": (AZURE, [0.0, 0.0520007, 2.02004], [4808, 3180, 110], [10, 8, 27]),
    "mooncake": (MOONCAKE, [0.0, 3.053], [6955, 6472], [52, 26]),
    "burstgpt": (BURSTGPT, [0.0, 113.0], [472, 417], [18, 276]),
    "vidur": (VIDUR, [0.0, 0.125], [591, 547], [140, 248]),
    "own": (OWN, [0.0, 0.25], [10, 20], [1, 2]),
}


def written(tmp_path, text, name="trace.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_every_format_has_an_example():
    assert set(EXAMPLES) == set(FORMATS)


@pytest.mark.parametrize("given", [True, False], ids=["format given", "format detected"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_each_format_is_read(tmp_path, name, given):
    text, arrival_s, prompt, output = EXAMPLES[name]
    trace = read_trace(written(tmp_path, text), name if given else None)
    np.testing.assert_allclose(trace.arrival_s, arrival_s, rtol=0, atol=1e-9)
    assert trace.prompt_tokens.tolist() == prompt
    assert trace.output_tokens.tolist() == output
    assert trace.name == "trace"


def test_failed_requests_are_dropped_and_counted(tmp_path):
    assert read_trace(written(tmp_path, BURSTGPT)).notes == ("dropped 1 failed requests (0 tokens)",)


def test_other_formats_refuse_zero_tokens(tmp_path):
    with pytest.raises(TraceError, match=r"line 3, column 'output_tokens': .* at least 1, got '0'"):
        read_trace(written(tmp_path, "arrival_s,prompt_tokens,output_tokens\n0,1,1\n1,5,0\n"))


def test_unsorted_rows_are_sorted_stably_and_noted(tmp_path):
    rows = "5,1,1\n3,2,2\n9,3,3\n5,4,4\n"
    trace = read_trace(written(tmp_path, "arrival_s,prompt_tokens,output_tokens\n" + rows))
    assert trace.arrival_s.tolist() == [0.0, 2.0, 2.0, 6.0]
    assert trace.prompt_tokens.tolist() == [2, 1, 4, 3]
    assert trace.notes == ("sorted by time: 2 rows preceded the row before them",)


def test_the_file_order_of_many_equal_times_is_kept(tmp_path):
    rows = "".join(f"{row % 3},{row + 1},1\n" for row in range(999))
    trace = read_trace(written(tmp_path, "arrival_s,prompt_tokens,output_tokens\n" + rows))
    assert trace.prompt_tokens.tolist() == [*range(1, 1000, 3), *range(2, 1000, 3), *range(3, 1000, 3)]


def test_column_order_extra_columns_bom_and_crlf_do_not_matter(tmp_path):
    text = b"\xef\xbb\xbfoutput_tokens,note,arrival_s,prompt_tokens\r\n7,hello,1.5,3\r\n8,,2.5,4\r\n"
    trace = read_trace(written(tmp_path, text))
    assert trace.output_tokens.tolist() == [7, 8]
    assert trace.prompt_tokens.tolist() == [3, 4]


def test_utc_suffixes_are_read_and_other_zones_rejected(tmp_path):
    head = "TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-10 00:00:00.009930+00:00,1,1\n"
    assert read_trace(written(tmp_path, head + "2024-05-10T00:00:01Z,1,1\n")).span_s == pytest.approx(0.99007)
    with pytest.raises(TraceError, match=r"line 3, column 'TIMESTAMP': must be a UTC time .*\+02:00'"):
        read_trace(written(tmp_path, head + "2024-05-10 00:00:01+02:00,1,1\n"))


BROKEN_ROWS = [
    ("azure", AZURE.replace("3180", "many"), "line 3, column 'ContextTokens': must be a whole number .* got 'many'"),
    ("azure", AZURE.replace("2023-11-17 00:00:02", "2023-13-17 00:00:02"), "line 4, column 'TIMESTAMP': must be a UTC"),
    ("azure", AZURE.replace("3180", "31.5"), "line 3, column 'ContextTokens': must be a whole .* got '31.5'"),
    ("azure", AZURE.replace(",8\n", "\n"), r"line 3: must have 3 fields, as the header has, got 2"),
    ("burstgpt", BURSTGPT.replace("118,", "inf,"), "line 4, column 'Timestamp': must be a finite .* got 'inf'"),
    ("burstgpt", BURSTGPT.replace("276", "-1"), "line 4, column 'Response tokens': must be a whole .* got '-1'"),
    ("vidur", VIDUR.replace("1.625", ""), "line 3, column 'arrived_at': must be a finite .* got ''"),
    ("mooncake", MOONCAKE.replace("6472", "null"), "line 2, column 'input_length': must be a whole .* got 'None'"),
    ("mooncake", MOONCAKE.replace("6472", "true"), "line 2, column 'input_length': must be a whole .* got 'True'"),
    ("mooncake", MOONCAKE.replace('"output_length": 26', '"output": 26'), "line 2: column 'output_length' is missing"),
    ("mooncake", MOONCAKE + "{oops\n", "line 4: must be a JSON object, got '{oops"),
    ("mooncake", MOONCAKE + "[1, 2]\n", r"line 4: must be a JSON object, got '\[1, 2\]"),
]


@pytest.mark.parametrize(("name", "text", "message"), BROKEN_ROWS)
def test_a_broken_row_is_named(tmp_path, name, text, message):
    path = written(tmp_path, text)
    with pytest.raises(TraceError, match=message) as caught:
        read_trace(path, name)
    assert str(path) in str(caught.value)


def test_the_line_number_counts_blank_lines(tmp_path):
    with pytest.raises(TraceError, match="line 5, column 'arrived_at'"):
        read_trace(written(tmp_path, "arrived_at,num_prefill_tokens,num_decode_tokens\n\n1,1,1\n\nx,1,1\n"))


@pytest.mark.parametrize("given", ["azure", None], ids=["format given", "format detected"])
def test_a_missing_column_is_suggested(tmp_path, given):
    text = AZURE.replace("ContextTokens", "ContextToken")
    with pytest.raises(TraceError, match=r"line 1: column 'ContextTokens' is missing; did you mean 'ContextToken'\?"):
        read_trace(written(tmp_path, text), given)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: must name the columns of a known format .* got ''"),
        ("a,b,c\n1,2,3\n", r"known format \(azure: TIMESTAMP, ContextTokens, GeneratedTokens; mooncake: .* got 'a,b,c"),
        ("{broken\n", "known format .* got '{broken"),
        (AZURE.splitlines()[0], "at least one request, got none"),
        (BURSTGPT.splitlines()[0] + "\n5,ChatGPT,3,0,3,x\n", "at least one served request, got 1 failed"),
        (b"arrival_s,prompt_tokens,output_tokens\n\xff\n", "must be UTF-8 text"),
    ],
)
def test_a_file_that_is_no_trace_is_rejected(tmp_path, text, message):
    with pytest.raises(TraceError, match=message):
        read_trace(written(tmp_path, text))


def test_an_unknown_format_is_suggested(tmp_path):
    with pytest.raises(ValueError, match=r"unknown trace format 'azur'; did you mean 'azure'\?"):
        read_trace(written(tmp_path, AZURE), "azur")


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv"):
        read_trace(tmp_path / "nowhere.csv")


@pytest.mark.parametrize(("kind", "requests"), [("conv", 19366), ("code", 8819)])
def test_the_azure_traces_are_read_to_the_last_digit(azure_trace, kind, requests):
    path = azure_trace(kind)
    trace = read_trace(path)
    assert trace.requests == requests
    assert trace.notes == ()
    first, last = (path.read_text().splitlines()[index].split(",") for index in (1, -1))
    clock = [np.datetime64(row[0], "ns").astype(np.int64) for row in (first, last)]
    assert trace.span_s == pytest.approx((clock[1] - clock[0]) / 1e9, abs=1e-9)
    assert [trace.prompt_tokens[-1], trace.output_tokens[-1]] == [int(last[1]), int(last[2])]
