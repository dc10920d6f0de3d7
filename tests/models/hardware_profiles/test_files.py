"""Hardware profiles in YAML: shipped ones, files that were written, and faulty ones."""

import pytest
import yaml

from edge_llm_gym.models.hardware_profiles import PROFILES, hardware_profile, save_hardware_profile
from edge_llm_gym.models.llm import model_shape

ROW = {
    "model": "llama-3-8b",
    "weight_bits": 4,
    "decode": {"c0_s": 0.05, "c1_s": 0.0, "c2_s_per_token": 1e-6, "max_batch": 4, "max_context_tokens": 1000},
    "prefill": {"p0_s": 0.01, "p1_s_per_flop": 1e-13, "max_prompt_tokens": 1000},
}
PROFILE = {"device": "board", "source": "by hand", "rows": [ROW]}


def write(path, data):
    path.write_text(yaml.safe_dump(data))
    return path


@pytest.mark.parametrize("name", PROFILES)
def test_shipped_profiles_name_shipped_models_and_their_source(name):
    profile = hardware_profile(name)
    assert profile.source
    for row in profile.rows:
        assert model_shape(row.model).name == row.model
        assert row.decode.errors is not None
    assert {row.weight_bits for row in profile.rows} == {4, 16}


def test_a_file_by_hand(tmp_path):
    profile = hardware_profile(write(tmp_path / "board.yaml", PROFILE))
    assert (profile.device, profile.device_count) == ("board", 1)
    row = profile.row("llama-3-8b", 4, 16)
    assert row.times() == (0.01, 1e-13, 0.05, 0.0, 1e-6)


def test_profiles_are_read_as_they_were_written(tmp_path):
    profile = hardware_profile("nvidia-h100-sxm").model_copy(update={"device_count": 2})
    save_hardware_profile(profile, tmp_path / "again.yaml")
    assert hardware_profile(str(tmp_path / "again.yaml")) == profile


def changed(**changes):
    return PROFILE | {"rows": [ROW | changes]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (PROFILE | {"devise": "x"}, "unknown key 'devise'; did you mean 'device'"),
        ({"device": "board", "rows": [ROW]}, "source: this key is required"),
        (PROFILE | {"rows": []}, "rows: .*at least 1"),
        (PROFILE | {"rows": [ROW, ROW]}, "no two rows have the same model"),
        (changed(weight_bits=0), r"rows.0.weight_bits: .*in bit and must be from 0\.1 to 64 \(got 0\)"),
        (changed(decode=ROW["decode"] | {"c0_s": 0.0}), "rows.0.decode.c0_s: .*in s and must be from 1e-09"),
        (changed(decode=ROW["decode"] | {"c1_s": -1e-6}), "rows.0.decode.c1_s: .*in s and must be from 0 to"),
        (changed(prefill=ROW["prefill"] | {"p1_s_per_flop": float("inf")}), "p1_s_per_flop: .*finite"),
        ([PROFILE], "holds a mapping at its top, got list"),
    ],
)
def test_faulty_files_are_refused(tmp_path, data, message):
    with pytest.raises(ValueError, match=message):
        hardware_profile(write(tmp_path / "faulty.yaml", data))


def test_code_in_a_file_is_not_run(tmp_path):
    file = tmp_path / "code.yaml"
    file.write_text("device: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(ValueError, match="not valid YAML"):
        hardware_profile(file)


def test_unknown_names_files_rows_and_suffixes_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"unknown hardware profile 'nvidia-h100'.* did you mean 'nvidia-h100-sxm'"):
        hardware_profile("nvidia-h100")
    with pytest.raises(FileNotFoundError, match=r"there is no file 'none.yaml'"):
        hardware_profile("none.yaml")
    with pytest.raises(ValueError, match=r"no row for llama-3-8b with 8 bits .* llama-3-8b \(16, 16\)"):
        hardware_profile("nvidia-h100-sxm").row("llama-3-8b", 8, 16)
    with pytest.raises(ValueError, match=r"give a path that ends in .yaml"):
        save_hardware_profile(hardware_profile("nvidia-h100-sxm"), tmp_path / "profile.json")
