"""Each public format: values of a small example, detection by columns, and messages about broken rows."""

import json

import numpy as np
import pytest

from edge_llm_gym.workload.config import ArrivalsConfig, ColumnKey, FormatName
from edge_llm_gym.workload.trace_files import FORMATS, MAPPING_KEYS, TraceError
from edge_llm_gym.workload.trace_reading import read_requests, read_trace

AZURE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 23:59:59.9799600,4808,10
2023-11-17 00:00:00.0319607,3180,8
2023-11-17 00:00:02,110,27
"""
MOONCAKE = """{"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47]}
{"timestamp": 30535, "input_length": 6472, "output_length": 26, "hash_ids": [46]}

"""
BAILIAN = "".join(
    json.dumps(
        dict(zip(("chat_id", "parent_chat_id", "timestamp", "input_length", "output_length"), row, strict=True))
    )[:-1]
    + ', "type": "text", "turn": 1, "hash_ids": [1089, 6326]}\n'
    for row in [(159, -1, 0.0, 521, 132), (160, 159, 0.5, 60, 7), (161, -1, 1.0, 33, 5)]
)
BURSTGPT = """Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
5,ChatGPT,472,18,490,Conversation log
45,ChatGPT,1087,0,1087,Conversation log
118,GPT-4,417,276,693,"Conversation, log"
"""
VIDUR = """arrived_at,num_prefill_tokens,num_decode_tokens
1.5,591,140
1.625,547,248
"""
SPLITWISE = """request_id,request_type,application_id,arrival_timestamp,batch_size,prompt_size,token_size
0,2,0,0.25,1,374,44
1,2,0,0.75,1,396,109
"""
LLMSERVINGSIM = "input_toks\toutput_toks\tarrival_time_ns\n10\t70\t46926808\n22\t104\t347938952\n"
AIBRIX = "\n".join(
    json.dumps({"timestamp": time, "requests": requests})
    for time, requests in [
        (19, [{"prompt": "a", "prompt_length": 101, "output_length": 9}]),
        (1019, [{"prompt_length": 5, "output_length": 6}, {"prompt_length": 7, "output_length": None}]),
        (2019, [{"prompt_length": 8, "output_length": 3}]),
    ]
)
RUN = {"backend": "vllm", "input_lens": [12, 30, 7], "output_lens": [3, 0, 5], "ttfts": [0.1, 0, 0.2]}
BENCHMARK = json.dumps({**RUN, "start_times": [100.5, 100.75, 101.0]})
BENCHMARK_LENGTHS = json.dumps(RUN) + "\n" + json.dumps({"input_lens": [4], "output_lens": [2]}) + "\n"
SHAREGPT = json.dumps(
    [
        {"id": "a", "conversations": [{"from": "human", "value": "x" * 9}, {"from": "gpt", "value": "y" * 40}]},
        {"id": "b", "conversations": [{"from": "human", "value": "alone"}]},
        {"id": "c", "conversations": [{"from": "human", "value": "[{"}, {"from": "gpt", "value": "}]"}, {}]},
    ],
    indent=2,
)
OWN = """arrival_s,prompt_tokens,output_tokens
0,10,1
0.25,20,2
"""
LENGTHS = """prompt_tokens,output_tokens
10,1
20,2
"""

EXAMPLES = {
    "azure": (AZURE, [0.0, 0.0520007, 2.02004], [4808, 3180, 110], [10, 8, 27]),
    "mooncake": (MOONCAKE, [0.0, 3.053], [6955, 6472], [52, 26]),
    "bailian": (BAILIAN, [0.0, 0.5, 1.0], [521, 60, 33], [132, 7, 5]),
    "burstgpt": (BURSTGPT, [0.0, 113.0], [472, 417], [18, 276]),
    "vidur": (VIDUR, [0.0, 0.125], [591, 547], [140, 248]),
    "splitwise-sim": (SPLITWISE, [0.0, 0.5], [374, 396], [44, 109]),
    "llmservingsim": (LLMSERVINGSIM, [0.0, 0.301012144], [10, 22], [70, 104]),
    "aibrix": (AIBRIX, [0.0, 1.0, 2.0], [101, 5, 8], [9, 6, 3]),
    "benchmark": (BENCHMARK, [0.0, 0.5], [12, 7], [3, 5]),
    "benchmark-lengths": (BENCHMARK_LENGTHS, None, [12, 7, 4], [3, 5, 2]),
    "sharegpt-estimate": (SHAREGPT, None, [3, 1], [10, 1]),
    "own": (OWN, [0.0, 0.25], [10, 20], [1, 2]),
    "lengths": (LENGTHS, None, [10, 20], [1, 2]),
}


def written(tmp_path, text, name="trace.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_every_format_has_an_example_and_a_name_in_the_schema():
    assert set(EXAMPLES) == set(FORMATS) == set(FormatName.__args__)
    assert ColumnKey.__args__ == MAPPING_KEYS
    assert ArrivalsConfig(process="trace", file="t", format="bailian").format == "bailian"


@pytest.mark.parametrize("given", [True, False], ids=["format given", "format detected"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_each_format_is_read(tmp_path, name, given):
    text, arrival_s, prompt, output = EXAMPLES[name]
    requests = read_requests(written(tmp_path, text), name if given else None)
    assert requests.prompt_tokens.tolist() == prompt
    assert requests.output_tokens.tolist() == output
    assert requests.name == "trace"
    assert hasattr(requests, "arrival_s") == (arrival_s is not None)
    if arrival_s is not None:
        np.testing.assert_allclose(requests.arrival_s, arrival_s, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["mooncake", "burstgpt", "llmservingsim"])
def test_a_flat_format_may_be_a_table_or_json_lines_or_an_array(tmp_path, name):
    layout = FORMATS[name]
    names = tuple(dict.fromkeys((*layout.columns, *layout.marks)))
    rows = [[3000 * index, 5 + index, 6 + index, 0][: len(names)] for index in range(4)]
    table = "\n".join(",".join(map(str, row)) for row in [names, *rows])
    records = [dict(zip(names, row, strict=True)) for row in rows]
    texts = [table, "\n".join(map(json.dumps, records)), json.dumps(records), json.dumps(records, indent=1)]
    traces = [read_trace(written(tmp_path, text, f"{index}.txt")) for index, text in enumerate(texts)]
    for trace in traces:
        np.testing.assert_allclose(trace.arrival_s, np.arange(4) * 3000 / layout.clock.per_second)
        assert (trace.prompt_tokens.tolist(), trace.output_tokens.tolist()) == ([5, 6, 7, 8], [6, 7, 8, 9])


def test_an_estimate_says_that_it_is_one(tmp_path):
    notes = read_requests(written(tmp_path, SHAREGPT)).notes
    assert notes[0] == "token counts are estimates: 4 characters count as one token"
    assert notes[1] == "dropped 1 requests with 0 prompt or output tokens"


UNCLEAR = "the columns timestamp, input_length, output_length do not tell the unit of time; name the format: "


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"hash_ids": [1], "timestamp": 0.5}, r"line 1, column 'timestamp': must be a whole .* \(--format\), got 0\.5"),
        ({}, UNCLEAR + r"'mooncake' \(milliseconds\) or 'bailian' \(seconds\), as in --format mooncake"),
        ({"hash_ids": [1], "turn": 2}, UNCLEAR),
        ({"chat_id": 3, "parent_chat_id": -1}, UNCLEAR),
    ],
)
def test_an_ambiguous_unit_of_time_is_refused_until_the_format_is_named(tmp_path, row, message):
    times = (row.pop("timestamp", 500), 1500)
    lines = [json.dumps({"timestamp": time, "input_length": 5, "output_length": 6, **row}) for time in times]
    path = written(tmp_path, "\n".join(lines))
    with pytest.raises(TraceError, match=message):
        read_trace(path)
    assert read_trace(path, "bailian").span_s == pytest.approx(times[1] - times[0])
    assert read_trace(path, "mooncake").span_s == pytest.approx((times[1] - times[0]) / 1e3)


@pytest.mark.parametrize("name", [name for name, layout in FORMATS.items() if layout.rows is None])
def test_rows_without_tokens_are_dropped_and_counted_in_every_flat_format(tmp_path, name):
    layout = FORMATS[name]
    names = tuple(dict.fromkeys((*layout.columns, *layout.marks)))
    times = ["2023-11-16 00:00:0" + digit for digit in "0123"] if name == "azure" else [0, 1000, 2000, 3000]
    tokens = [(7, 8), (0, 5), (5, 0), (3, 4)]
    rows = [([time] if layout.arrival else []) + list(pair) for time, pair in zip(times, tokens, strict=True)]
    text = "\n".join(",".join(map(str, [*row, *[1] * (len(names) - len(row))])) for row in [names, *rows])
    requests = read_requests(written(tmp_path, text))
    assert (requests.prompt_tokens.tolist(), requests.output_tokens.tolist()) == ([7, 3], [8, 4])
    assert requests.notes == ("dropped 2 requests with 0 prompt or output tokens",)
    if layout.arrival:
        assert requests.span_s == pytest.approx(3.0 if name == "azure" else 3000 / layout.clock.per_second)


BROKEN_ROWS = [
    ("azure", AZURE.replace("3180", "many"), "line 3, column 'ContextTokens': must be a whole number .* got 'many'"),
    (
        "azure",
        AZURE.replace("2023-11-17 00:00:02", "2023-13-17 00:00:02"),
        "line 4, column 'TIMESTAMP': must be a time",
    ),
    ("azure", AZURE.replace("3180", "31.5"), "line 3, column 'ContextTokens': must be a whole .* got '31.5'"),
    ("azure", AZURE.replace(",8\n", "\n"), r"line 3: must have 3 fields, as the header has, got 2"),
    ("azure", AZURE.replace(",8\n", ",8,9\n"), r"line 3: must have 3 fields, as the header has, got 4"),
    ("burstgpt", BURSTGPT.replace("118,", "inf,"), "line 4, column 'Timestamp': must be a finite .* got 'inf'"),
    ("burstgpt", BURSTGPT.replace("276", "-1"), "line 4, column 'Response tokens': must be a whole .* got '-1'"),
    ("vidur", VIDUR.replace("1.625", ""), "line 3, column 'arrived_at': must be a finite .* got ''"),
    ("vidur", VIDUR.replace("1.625", "1700000000000"), "column 'arrived_at': .* at most 1e.11, got '1700000000000'"),
    ("mooncake", MOONCAKE.replace("6472", "null"), "line 2, column 'input_length': must be a whole .* got None"),
    ("mooncake", MOONCAKE.replace("6472", "true"), "line 2, column 'input_length': must be a whole .* got True"),
    ("mooncake", MOONCAKE.replace("6472", "[6472]"), r"line 2, column 'input_length': must be a whole .* got \[6472\]"),
    ("mooncake", MOONCAKE.replace("6472", "9" * 400), "line 2, column 'input_length': must be a whole .* got 9999"),
    ("mooncake", MOONCAKE.replace("6472", "9" * 9999), "line 2: must be a JSON object, got '{.*9999.*limit"),
    ("mooncake", MOONCAKE.replace('"output_length": 26', '"output": 26'), "line 2: column 'output_length' is missing"),
    ("mooncake", MOONCAKE + "{oops\n", "line 4: must be a JSON object, got '{oops"),
    ("mooncake", MOONCAKE + "[1, 2]\n", r"line 4: must be a JSON object, got '\[1, 2\]"),
    ("mooncake", MOONCAKE + '{"a": ' * 9999 + "\n", "line 4: must be a JSON object, got '{.* recursion"),
    ("aibrix", AIBRIX.replace("101", '"many"'), "line 1, column 'prompt_length': must be a whole .* got 'many'"),
    ("aibrix", '{"timestamp": 1, "requests": 5}', "line 1: 'requests' must be a list, got 5"),
    ("aibrix", '{"timestamp": 1, "requests": [5]}', "line 1: 'requests' must hold objects, got 5"),
    ("aibrix", "timestamp,requests\n1,2\n", "line 1: must be a JSON object with timestamp, requests, got a table"),
    ("benchmark", BENCHMARK.replace("[12, ", "["), r"line 1: 'start_times', .* of one length, got lengths \[3, 2, 3\]"),
    ("sharegpt-estimate", '[{"conversations": [{"value": 5}]}]', "item 1: .* a text 'value', got {'value': 5}"),
    ("sharegpt-estimate", SHAREGPT[:-5], "item 3: must be a JSON object, got"),
    ("sharegpt-estimate", "[1, 2]", "item 1: must be a JSON object, got 1"),
]


@pytest.mark.parametrize(("name", "text", "message"), BROKEN_ROWS)
def test_a_broken_row_is_named(tmp_path, name, text, message):
    path = written(tmp_path, text)
    with pytest.raises(TraceError, match=message) as caught:
        read_trace(path, name)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(path))


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
        ("", r"line 1: must name the columns of a known format .* got \[\]"),
        (
            "a,b,c\n1,2,3\n",
            r"known format \(azure: TIMESTAMP, ContextTokens, GeneratedTokens; .* got \['a', 'b', 'c'\]",
        ),
        ("{broken\n", "item 1: must be a JSON object, got '{broken"),
        (AZURE.splitlines()[0], "at least one request, got none"),
        (BURSTGPT.splitlines()[0] + "\n5,ChatGPT,3,0,3,x\n", "prompt and output tokens, got 1 requests without"),
        (b"arrival_s,prompt_tokens,output_tokens\n\xff\n", "must be UTF-8 text"),
        (LENGTHS, "a trace needs arrival times, got token counts only; use the file as lengths of kind 'trace'"),
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
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    clock = np.array([row[0] for row in rows], "datetime64[ns]").astype(np.int64)
    day = clock.min() // (86400 * 10**9) * 86400 * 10**9
    np.testing.assert_array_equal(trace.arrival_s, (clock - day) / 1e9 - (clock[0] - day) / 1e9)
    np.testing.assert_array_equal(trace.prompt_tokens, [int(row[1]) for row in rows])
    np.testing.assert_array_equal(trace.output_tokens, [int(row[2]) for row in rows])
