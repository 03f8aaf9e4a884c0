"""Members of a shard from elsewhere: a sample or a sentence comes of whatever they hold, nothing is executed."""

from __future__ import annotations

import io
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_samples import full_sample

from runtime_py.errors import DpocketError
from training.data.shard_decoding import DECODERS, decode_npy, decoded, members_of
from training.data.shards import encoded


def test_a_sparse_member_that_claims_terabytes_is_not_unfolded(tmp_path: Path) -> None:
    """GNU's sparse header: 512 bytes of file that unfold to as many zeros as they say."""
    header = bytearray(tarfile.TarInfo("000000000.left.npy").tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[386:398], header[398:410] = b"%011o\0" % 0, b"%011o\0" % 0
    header[483:495] = b"%011o\0" % (2**32)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    (tmp_path / "s.tar").write_bytes(bytes(header) + bytes(1024))
    with tarfile.open(tmp_path / "s.tar") as tar:
        assert next(iter(tar)).issparse()
    assert list(members_of(tmp_path / "s.tar", range(1))) == []


def test_json_nested_too_deeply_is_a_damaged_member() -> None:
    with pytest.raises(DpocketError, match="no JSON"):
        decoded(sample_members(json=b"[" * 100_000))


def sample_members(**changed: bytes) -> dict[str, bytes]:
    members = {name.split(".", 1)[1]: data for name, data in encoded(full_sample(), 0).items()}
    return members | {name.replace("_", "."): data for name, data in changed.items()}


class Explosive:
    """What runs when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        raise AssertionError("a pickle was made, not read")


def _pickled_npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def test_pickles_are_never_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a pickle was read")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    assert set(DECODERS) == {"npy", "json"}
    for extension in ("pkl", "pyd", "pickle", "pth", "pt", "cls"):
        with pytest.raises(DpocketError, match=f"a member .*{extension}; only .npy, .json are read"):
            decoded(sample_members(**{f"extra_{extension}": b"cos\nsystem\n(S'true'\ntR."}))
    with pytest.raises(DpocketError, match=r"no \.npy of float32"):
        decoded(sample_members(left_npy=_pickled_npy()))


def _npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "no .npy of float32"),
        (b"\x93NUMPY\x01\x00", "no .npy of float32"),
        (_npy(np.ones((2, 2)))[:-1], "no .npy of float32"),
        (_npy(np.ones((1, 2, 2), np.float32))[:-1], "has 15 bytes of samples"),
        (_npy(np.ones((1, 0, 2), np.float32)), "has 0 bytes of samples"),
        (_npy(np.ones(2, ">f4")), "no .npy of float32"),
        (_npy(np.ones((1, 2, 2), np.float32)) + b"x", "has 17 bytes of samples"),
        (_npy(np.asfortranarray(np.ones((2, 3), np.float32))), "no .npy of float32"),
        (_npy(np.ones((1, 1, 1, 1, 1), np.float32)), "no .npy of float32"),
        (_npy(np.ones((1, 2), "U3")), "no .npy of float32"),
        (_npy(np.ones(4, np.float32)).replace(b"(4,), }" + b" " * 5, b"(999999,), }"), "has 16 bytes of samples"),
    ],
)
def test_an_array_must_account_for_every_byte_before_it_is_made(data: bytes, sentence: str) -> None:
    with pytest.raises(DpocketError, match=sentence):
        decode_npy(data)


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_damaged_members_give_a_sentence_or_the_sample_and_nothing_else(data: st.DataObject) -> None:
    members = sample_members()
    name = data.draw(st.sampled_from(sorted(members)))
    blob = bytearray(members[name])
    for _ in range(data.draw(st.integers(1, 3))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    try:
        sample = decoded(members | {name: bytes(blob[: data.draw(st.integers(0, len(blob)))])})
    except DpocketError:
        return
    assert sample.left.shape == (1, 1, 6, 8)
