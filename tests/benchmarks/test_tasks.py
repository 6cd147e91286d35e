"""Loaders: on tiny tables of their own, and, where the data is, all tasks against the committed digests."""

from __future__ import annotations

import hashlib
import io
import lzma
import pickle

import numpy as np
import pandas as pd
import pytest
from tests.benchmarks.tasks import frame, keel, unpickle
from tests.benchmarks.tasks.leaks import LEAKS
from tests.benchmarks.tasks.listing import of_role, tasks
from tests.benchmarks.tasks.pictures import Pictures
from tests.benchmarks.tasks.prepared import DigestWrongError, digests, images, table

RAW = "1, 2.5, a, yes\n?, 3, b, no\n4, 5e1, , yes\n"


def test_the_list_holds_101_tasks_to_measure_and_30_to_tune_on():
    assert (len(of_role("test")), len(of_role("dev"))) == (101, 30)
    assert len({task.name for task in tasks()}) == 131


def test_every_task_has_a_committed_digest():
    assert set(digests()) == {task.name for task in tasks()}


def test_columns_are_left_out_of_tasks_that_exist():
    assert set(LEAKS) <= {task.name for task in tasks()}


def test_a_raw_file_becomes_numbers_and_text_with_missing_values():
    found = frame.plain(keel.read(RAW), "class")
    assert found["x0"].tolist()[::2] == [1.0, 4.0]
    assert np.isnan(found["x0"][1])
    assert found["x1"].tolist() == [2.5, 3.0, 50.0]
    assert found["x2"].tolist()[:2] == ["a", "b"]
    assert pd.isna(found["x2"][2])
    assert found["target"].tolist() == ["yes", "no", "yes"]


def test_the_digest_of_a_tiny_table_is_what_it_was():
    """Committed digests would all be wrong if this changed."""
    wanted = "810beffc998e43a781ded05d981df37023fe6c03731c909cb7b721244d492588"
    assert frame.digest(frame.plain(keel.read(RAW), "class")) == wanted


@pytest.mark.parametrize("column", ["x0", "x1", "x2", "target"])
def test_one_other_value_gives_another_digest(column):
    first = frame.plain(keel.read(RAW), "class")
    other = first.copy()
    other.loc[0, column] = 7.0 if other[column].dtype == float else "z"
    assert frame.digest(first) != frame.digest(other)


def test_a_table_read_back_from_parquet_has_the_digest_it_was_written_with(tmp_path):
    first = frame.plain(keel.read(RAW), "class")
    first.to_parquet(tmp_path / "x.parquet", index=False)
    assert frame.digest(frame.tidy(pd.read_parquet(tmp_path / "x.parquet"))) == frame.digest(first)


def test_rows_without_a_class_are_left_out():
    found = frame.plain(pd.DataFrame({"a": [1, 2, 3], "y": ["u", None, "v"]}), "y")
    assert found["a"].tolist() == [1.0, 3.0]


def test_a_large_table_is_cut_to_the_same_thousand_rows_with_the_same_shares():
    large = pd.DataFrame({"a": np.arange(4000.0), "target": np.where(np.arange(4000) % 4, "many", "few")})
    first, again = frame.sample(large), frame.sample(large)
    assert first.equals(again)
    assert first["target"].value_counts().to_dict() == {"many": 750, "few": 250}


def test_a_small_table_is_left_as_it_is():
    small = pd.DataFrame({"a": [1.0, 2.0], "target": ["u", "v"]})
    assert frame.sample(small) is small


def packed(content: object) -> tuple[bytes, str]:
    data = lzma.compress(pickle.dumps(content, protocol=4))
    return data, hashlib.sha256(data).hexdigest()


def test_a_pickle_with_another_digest_is_not_read():
    data, _ = packed(pd.DataFrame({"a": [1]}))
    with pytest.raises(ValueError, match="must have the SHA-256 0000"):
        unpickle.frame(data, "0" * 64)


def test_a_pickle_that_calls_something_is_refused_by_name():
    class Evil:
        def __reduce__(self):
            return print, ("called",)

    with pytest.raises(pickle.UnpicklingError, match=r"builtins\.print"):
        unpickle.frame(*packed(Evil()))


def test_the_reader_of_frames_knows_nothing_that_runs_code():
    reader = unpickle.FrameUnpickler(io.BytesIO(b""))
    for module, name in [("os", "system"), ("builtins", "eval"), ("pandas.io.pickle", "read_pickle")]:
        with pytest.raises(pickle.UnpicklingError):
            reader.find_class(module, name)


def test_images_have_a_digest_of_pixels_labels_and_parts():
    x, y, part = np.zeros((2, 3, 3), np.uint8), np.array([0, 1]), np.zeros(2, np.uint8)
    first = Pictures(x=x, y=y, part=part).digest()
    assert first == Pictures(x=x.copy(), y=y.copy(), part=part.copy()).digest()
    assert len({first, Pictures(x=x + 1, y=y, part=part).digest(), Pictures(x=x, y=y[::-1], part=part).digest()}) == 3


@pytest.mark.data
@pytest.mark.parametrize("task", tasks(), ids=lambda task: task.name)
def test_the_data_of_every_task_is_what_was_committed(task):
    (images if task.model == "cnn" else table)(task)


@pytest.mark.data
def test_data_that_has_changed_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "tunewright-benchmark" / "tasks"
    folder.mkdir(parents=True)
    pd.DataFrame({"x0": [1.0], "target": ["a"]}).to_parquet(folder / "keel-iris.parquet")
    with pytest.raises(DigestWrongError, match="remove it and prepare it again"):
        table(next(task for task in tasks() if task.name == "keel-iris"))
