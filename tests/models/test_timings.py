"""Timings in CSV files: what is written is read again, and faulty files are refused with line and reason."""

from dataclasses import replace

import pytest

from edge_llm_gym.models.timings import COLUMNS, Timing, read_timings, write_timings

PREFILL = Timing("gpu", "llama-3-8b", 16.0, "prefill", 2, 128, 0.0125)
BATCH = Timing("gpu", "llama-3-8b", 4.25, "batch", 2, None, 1.5, (7, 300), (12, 1))
LIMIT = Timing("gpu", "matmul", 16.0, "flops", 0, None, 7.4e14)
HEAD = ",".join(COLUMNS)


def test_timings_are_read_as_they_were_written(tmp_path):
    timings = [PREFILL, BATCH, LIMIT, replace(PREFILL, kind="decode", seconds=1 / 3)]
    write_timings(tmp_path / "t.csv", timings)
    assert read_timings(tmp_path / "t.csv") == timings


def test_a_file_by_hand(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text(
        f"{HEAD}\ngpu,llama-3-8b,16,prefill,2,128,0.0125,,\ngpu,llama-3-8b,4.25,batch,2,,1.5,7 300,12 1\n\n"
    )
    assert read_timings(file) == [PREFILL, BATCH]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "device,model,.* is missing and none is unknown"),
        (HEAD.replace("seconds", "time_ms"), "seconds is missing and time_ms is unknown"),
        (HEAD + "\ngpu,m,16,decode,1,,0.1,,", "line 2 .*prompt_or_context_tokens must be at least 1, got 0"),
        (HEAD + "\ngpu,m,16,decode,1,8,0.1,,\ngpu,m,16,decode,1,8,-1,,", "line 3 .*seconds must be positive"),
        (HEAD + "\ngpu,m,16,decod,1,8,0.1,,", "line 2 .*unknown kind of timing 'decod'.*did you mean 'decode'"),
        (HEAD + "\ngpu,m,16,decode,one,8,0.1,,", "line 2 .*'one'"),
        (HEAD + "\ngpu,m,16,decode,1,8", "line 2 .*it has 6 values for 9 columns"),
        (HEAD + "\ngpu,m,16,decode,1,8,0.1,,,5", "line 2 .*it has 10 values for 9 columns"),
        (HEAD + "\ngpu,m,16,batch,2,,0.1,5 6,7", "line 2 .*a batch of 2 sequences needs as many outputs, got 1"),
        (HEAD + "\ngpu,m,16,batch,1,,0.1,5,0", "line 2 .*outputs must be at least 1, got 0"),
    ],
)
def test_faulty_files_are_refused(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_timings(tmp_path / "t.csv")
