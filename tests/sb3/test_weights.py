"""Weights are read as PyTorch writes them; whatever else a file holds is neither executed nor trusted."""

import collections
import io
import pickle
import zipfile
from pathlib import Path

import pytest
import torch as th

from edge_llm_gym.archives import ArchiveError
from edge_llm_gym.sb3.weights import read_weights


class Payload:
    """Unpickling it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def saved(content: object) -> bytes:
    buffer = io.BytesIO()
    th.save(content, buffer)
    return buffer.getvalue()


def changed(data: bytes, **members: bytes) -> bytes:
    """The archive with other members: keys are the ends of their names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            new.writestr(name, members.get(name.rsplit("/", 1)[-1].replace(".", "_"), old.read(name)))
    return buffer.getvalue()


def state() -> collections.OrderedDict:
    th.manual_seed(0)
    layers = th.nn.Sequential(th.nn.Linear(3, 4), th.nn.BatchNorm1d(4)).state_dict()
    layers["view"] = layers["0.weight"].t()[1:]  # shares its numbers, and is not contiguous
    layers["none"] = th.zeros(0, 3)
    layers["half"] = th.ones(2, dtype=th.bfloat16)
    return layers


def test_weights_are_those_that_were_saved():
    expected, read = state(), read_weights(saved(state()))
    assert list(read) == list(expected)
    for name, tensor in expected.items():
        assert read[name].dtype == tensor.dtype
        assert th.equal(read[name], tensor)


def test_a_pickle_is_not_executed(tmp_path: Path):
    canary = tmp_path / "canary"
    bad = changed(saved(state()), data_pkl=pickle.dumps(Payload(canary), protocol=2))
    with pytest.raises(ArchiveError, match=r"refers to pathlib\.Path, which is no part|refers to .*, which is no part"):
        read_weights(bad)
    assert not canary.exists()


@pytest.mark.parametrize("module", ["os", "builtins", "torch", "collections"])
@pytest.mark.parametrize("name", ["system", "eval", "load", "Counter"])
def test_other_names_are_refused(module, name):
    pickled = f"\x80\x02c{module}\n{name}\n.".encode("latin-1")
    with pytest.raises(ArchiveError, match=rf"refers to {module}\.{name}"):
        read_weights(changed(saved(state()), data_pkl=pickled))


def test_instructions_that_allocate_what_they_declare_are_refused():
    bomb = b"\x80\x05" + pickle.BYTEARRAY8 + (10**11).to_bytes(8, "little") + b"."
    with pytest.raises(ArchiveError, match="description of the tensors cannot be read"):
        read_weights(changed(saved(state()), data_pkl=bomb))


def test_a_record_that_is_shorter_than_declared_is_refused():
    """PyTorch would read what lies behind it in memory."""
    data = saved(collections.OrderedDict(weight=th.ones(8)))
    with pytest.raises(ArchiveError, match=r"record .0. holds 16 bytes, and 8 numbers of torch\.float32 are declared"):
        read_weights(changed(data, **{"0": bytes(16)}))


@pytest.mark.parametrize(
    "arguments", [(0, (9,), (1,)), (1, (8,), (1,)), (0, (2, 4), (8, 1)), (-1, (2,), (1,)), (0, (2**40,), (0,))]
)
def test_a_tensor_that_exceeds_its_record_is_refused(arguments):
    from edge_llm_gym.sb3.weights import _tensor

    with pytest.raises(ArchiveError, match="exceeds its record of 8 numbers"):
        _tensor(th.ones(8), *arguments)


@pytest.mark.parametrize("content", [[1, 2], {"a": 1}, {1: th.ones(1)}, th.ones(2)])
def test_what_is_no_dictionary_of_tensors_is_refused(content):
    with pytest.raises(ArchiveError, match=r"not a dictionary of tensors|no part of|cannot be read"):
        read_weights(saved(content))


def test_numbers_of_another_byte_order_are_refused():
    with pytest.raises(ArchiveError, match="byte order b'big'"):
        read_weights(changed(saved(state()), byteorder=b"big"))
