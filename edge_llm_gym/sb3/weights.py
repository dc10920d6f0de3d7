"""Reads the weights in PyTorch's file format, a zip archive of raw numbers and a pickle that describes them.

`torch.load(weights_only=True)` runs no code either, but it trusts the sizes in the pickle: it reads beyond the end of
records that are shorter, and unpacks compressed records of any size. Here the pickle may use only what PyTorch writes
for a dictionary of tensors, and every size is compared with that of the record.
"""

import io
import math
import pickle
import sys
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import torch as th

from edge_llm_gym.archives import ArchiveError, read_members

MAX_BYTES: Final = 1 << 30
"""Bound on the unpacked size of weights."""
DTYPES: Final[Mapping[str, th.dtype]] = {
    "FloatStorage": th.float32,
    "DoubleStorage": th.float64,
    "HalfStorage": th.float16,
    "BFloat16Storage": th.bfloat16,
    "LongStorage": th.int64,
    "IntStorage": th.int32,
    "BoolStorage": th.bool,
}
"""Name of a storage class in the pickle -> dtype."""
# fmt: off
OPCODES: Final[tuple[bytes, ...]] = (
    pickle.PROTO, pickle.STOP, pickle.MARK, pickle.GLOBAL, pickle.REDUCE,
    pickle.BUILD, pickle.BINPERSID, pickle.EMPTY_DICT, pickle.EMPTY_TUPLE, pickle.TUPLE,
    pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3, pickle.SETITEM, pickle.SETITEMS,
    pickle.BINUNICODE, pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG1,
    pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.BINPUT, pickle.LONG_BINPUT,
    pickle.BINGET, pickle.LONG_BINGET,
)
# fmt: on
"""Instructions of pickle's protocol 2 that PyTorch writes for a dictionary of tensors."""


def read_weights(data: bytes) -> dict[str, th.Tensor]:
    """The tensors by name in the bytes of a file that `torch.save` wrote.

    Raises ArchiveError for anything but a dictionary of dense tensors, and for sizes beyond MAX_BYTES.
    """
    members = read_members(io.BytesIO(data), MAX_BYTES)
    folder = next((name.removesuffix("data.pkl") for name in members if name.endswith("data.pkl")), None)
    if folder is None:
        raise ArchiveError("it lacks the member data.pkl that torch.save writes")
    if (order := members.get(f"{folder}byteorder", sys.byteorder.encode())) != sys.byteorder.encode():
        raise ArchiveError(f"its numbers have byte order {order[:9]!r}, and this machine has {sys.byteorder!r}")
    records = {name.removeprefix(f"{folder}data/"): content for name, content in members.items()}
    try:
        return _tensors(_Reader(members[f"{folder}data.pkl"], records).load())
    except ArchiveError:
        raise
    except Exception as error:  # a damaged pickle raises errors of any type
        raise ArchiveError(f"its description of the tensors cannot be read: {type(error).__name__}: {error}") from None


def _tensors(found: Any) -> dict[str, th.Tensor]:
    if not isinstance(found, dict) or not all(
        isinstance(name, str) and isinstance(tensor, th.Tensor) for name, tensor in found.items()
    ):
        raise ArchiveError(f"it holds {type(found).__name__}, not a dictionary of tensors")
    return dict(found)


class _Reader(pickle._Unpickler):  # the implementation in Python: an index in the file allocates no table in it
    """Unpickles dictionaries of tensors, and nothing else."""

    dispatch: ClassVar[dict[int, Any]] = {code[0]: pickle._Unpickler.dispatch[code[0]] for code in OPCODES}

    def __init__(self, description: bytes, records: Mapping[str, bytes]) -> None:
        super().__init__(io.BytesIO(description))
        self._records = records
        self._numbers: dict[tuple[str, th.dtype], th.Tensor] = {}

    def load_build(self) -> None:
        """Sets attributes of a dictionary; other objects of a pickle take part in how their state is set."""
        owner = self.stack[-2]  # type: ignore[attr-defined]
        if type(owner) is not OrderedDict:
            raise ArchiveError(f"it sets the state of {type(owner).__name__}, which is no dictionary")
        pickle._Unpickler.dispatch[pickle.BUILD[0]](self)  # type: ignore[arg-type]

    dispatch[pickle.BUILD[0]] = load_build

    def find_class(self, module: str, name: str) -> Any:
        """The few names that PyTorch's pickles refer to; all else is refused."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        raise ArchiveError(f"it refers to {module[:60]}.{name[:60]}, which is no part of a dictionary of tensors")

    def persistent_load(self, pid: Any) -> th.Tensor:
        """The numbers of the record that a pickle refers to as ("storage", dtype, key, device, count)."""
        _, dtype, key, _, count = pid
        content = self._records[key]
        if count * dtype.itemsize != len(content):
            raise ArchiveError(
                f"record {key!r} holds {len(content)} bytes, and {count} numbers of {dtype} are declared"
            )
        if (key, dtype) not in self._numbers:  # tensors share the numbers of a record
            self._numbers[key, dtype] = _numbers(content, dtype)
        return self._numbers[key, dtype]


def _numbers(content: bytes, dtype: th.dtype) -> th.Tensor:
    return th.frombuffer(bytearray(content), dtype=dtype) if content else th.empty(0, dtype=dtype)


def _tensor(numbers: th.Tensor, offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> th.Tensor:
    """The tensor at an offset of the numbers of a record. Raises ArchiveError for one that does not lie within it."""
    count, size = numbers.numel(), math.prod(list(shape))
    last = offset + sum((length - 1) * step for length, step in zip(shape, stride, strict=True))
    if min((offset, *shape, *stride)) < 0 or size > count or (size and last >= count):
        raise ArchiveError(f"a tensor of shape {shape[:9]} exceeds its record of {count} numbers")
    return numbers.as_strided(shape, stride, offset) if size else th.empty(shape, dtype=numbers.dtype)
