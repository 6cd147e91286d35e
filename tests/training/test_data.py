"""Data files are found, identified and refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tunewright.errors import DataInvalid
from tunewright.store.s3 import S3Store
from tunewright.study import Data
from tunewright.training.data import identify, local, suffix


def test_a_relative_path_is_resolved_against_the_study_and_digested(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"a,b\n1,2\n")
    data = identify(Data(source="t.csv", target="b"), tmp_path)
    assert data.source == str(tmp_path / "t.csv")
    assert data.sha256 == hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    assert identify(data, Path("/elsewhere")) == data, "identifying twice changes nothing"


@pytest.mark.parametrize(
    ("source", "end"), [("a/t.csv", ".csv"), ("s3://b/t.x.CSV.GZ", ".CSV.GZ"), ("t.v2.npz", ".npz"), ("t", "")]
)
def test_how_a_file_is_read_is_seen_at_its_end(source: str, end: str) -> None:
    assert suffix(source) == end


def test_a_file_that_changed_is_refused_by_digest(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    data = identify(Data(source="t.csv", target="b"), tmp_path)
    (tmp_path / "t.csv").write_text("a,b\n1,3\n")
    with pytest.raises(DataInvalid, match=f"must have digest {data.sha256}, got [0-9a-f]{{64}}; restore the file"):
        identify(data, tmp_path)
    with pytest.raises(DataInvalid, match="must have digest"):
        local(data, tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        DataInvalid, match=f"must be a readable file, got {tmp_path}/t.csv .No such file or directory.;"
    ):
        identify(Data(source="t.csv", target="b"), tmp_path)


def test_sets_of_scikit_learn_have_a_digest_without_importing_it(tmp_path: Path) -> None:
    first = identify(Data(source="sklearn:iris"), tmp_path)
    assert first.source == "sklearn:iris"
    assert first.sha256 != identify(Data(source="sklearn:wine"), tmp_path).sha256


@pytest.mark.parametrize("name", ["fetch_openml", "california_housing", "files", ""])
def test_sets_that_scikit_learn_would_download_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match="own sets are breast_cancer, diabetes, digits, iris, wine"):
        identify(Data(source=f"sklearn:{name}"), tmp_path)


def test_a_folder_is_identified_by_the_names_and_contents_of_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    (folder / "cat").mkdir(parents=True)
    (folder / "cat/1.png").write_bytes(b"1")
    first = identify(Data(source="images"), tmp_path)
    assert identify(Data(source="images"), tmp_path) == first
    (folder / "cat/1.png").rename(folder / "cat/2.png")
    assert identify(Data(source="images"), tmp_path).sha256 != first.sha256


def test_an_object_of_a_bucket_is_identified_and_fetched(s3_store: S3Store, tmp_path: Path) -> None:
    s3_store.create("tables/t.csv", b"a,b\n1,2\n")
    data = identify(Data(source=f"{s3_store.address}/tables/t.csv", target="b"), tmp_path)
    assert data.source.startswith("s3://")
    assert data.sha256 == hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    fetched = local(data, tmp_path)
    assert Path(fetched.source) == tmp_path / "data.csv"
    assert Path(fetched.source).read_bytes() == b"a,b\n1,2\n"
    s3_store.put("tables/t.csv", b"a,b\n1,3\n")
    with pytest.raises(DataInvalid, match="must have digest"):
        local(data, tmp_path)
    with pytest.raises(DataInvalid, match="must be an object of the bucket"):
        identify(Data(source=f"{s3_store.address}/tables/u.csv", target="b"), tmp_path)
