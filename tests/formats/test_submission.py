"""A submission is read back as it was written, and a wrong one is told in one sentence."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from hourlift.formats.submission import COLUMNS, read_submission, write_submission

POSES = np.random.default_rng(0).normal(0, 400, (5, 17, 3)).astype(np.float32)
RELATIVE = POSES - POSES[:, :1]


def lines(rows: int = 2, columns: int = 51, names: tuple[str, ...] | None = COLUMNS) -> list[str]:
    head = [] if names is None else [",".join(names)]
    return head + [",".join(["1.5"] * columns)] * rows


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv"])
@pytest.mark.parametrize("header", [True, False])
def test_round_trip(tmp_path: Path, name: str, header: bool) -> None:
    assert write_submission(iter(POSES), tmp_path / name, header=header) == 5
    read = read_submission(tmp_path / name, rows=5)
    assert read.shape == (5, 17, 3)
    np.testing.assert_allclose(read, RELATIVE, atol=0.0051)
    assert (read[:, 0] == 0).all()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_rows_keep_their_order_and_columns_their_names(tmp_path: Path) -> None:
    write_submission(POSES, tmp_path / "a.csv.gz")
    text = gzip.decompress((tmp_path / "a.csv.gz").read_bytes()).decode().splitlines()
    assert text[0].split(",")[:6] == ["pelvis_x", "pelvis_y", "pelvis_z", "r_hip_x", "r_hip_y", "r_hip_z"]
    assert text[0].endswith("r_wrist_x,r_wrist_y,r_wrist_z") and len(text) == 6
    wrist = text[0].split(",").index("l_wrist_y")
    for row, pose in zip(text[1:], RELATIVE, strict=True):
        assert float(row.split(",")[wrist]) == pytest.approx(float(pose[13, 1]), abs=0.0051)
        assert "-0.00" not in row.split(",")[:3]


def test_the_same_poses_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.csv.gz", "b.csv.gz"):
        write_submission(POSES, tmp_path / name)
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()


def test_whole_or_not_at_all(tmp_path: Path) -> None:
    def interrupted():  # type: ignore[no-untyped-def]
        yield POSES[0]
        raise KeyboardInterrupt

    (tmp_path / "a.csv.gz").write_text("the old one")
    with pytest.raises(KeyboardInterrupt):
        write_submission(interrupted(), tmp_path / "a.csv.gz")
    unknown = POSES.copy()
    unknown[1, 3, 0] = np.nan
    with pytest.raises(ValueError, match="the pose of row 2 holds an unknown joint"):
        write_submission(unknown, tmp_path / "a.csv.gz")
    with pytest.raises(ValueError, match=r"the pose of row 1 is \(16, 3\)"):
        write_submission(POSES[:, :16], tmp_path / "a.csv.gz")
    with pytest.raises(ValueError, match="there are no images to write"):
        write_submission([], tmp_path / "a.csv.gz")
    with pytest.raises(ValueError, match=r"ends in \.csv or \.csv\.gz"):
        write_submission(POSES, tmp_path / "a.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv.gz"]
    assert (tmp_path / "a.csv.gz").read_text() == "the old one"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (lines(rows=3), "has 3 rows, but the test set has 2 images"),
        (lines(rows=1), "has 1 rows, but the test set has 2 images"),
        (lines(columns=48), r"line 2 has 48 columns, not 51 \(17 joints x 3\)"),
        (lines(columns=52, names=None), "line 1 has 52 columns, not 51"),
        ([*lines(rows=1), ",".join(["1"] * 50 + ["nan"])], "line 3 holds 'nan', which is not a finite number"),
        ([*lines(rows=1), ",".join(["1"] * 50 + [""])], "line 3 holds '', which is not a finite number"),
        (lines(names=(*COLUMNS[3:], *COLUMNS[:3])), "column 1 is called 'r_hip_x', not 'pelvis_x'"),
    ],
)
def test_a_wrong_submission_is_one_sentence(tmp_path: Path, content: list[str], complaint: str) -> None:
    (tmp_path / "a.csv").write_text("\n".join(content) + "\n")
    with pytest.raises(ValueError, match=rf"a\.csv:? {complaint}"):
        read_submission(tmp_path / "a.csv", rows=2)


def test_files_that_are_none(tmp_path: Path) -> None:
    write_submission(POSES, tmp_path / "a.csv.gz")
    (tmp_path / "a.csv.gz").write_bytes((tmp_path / "a.csv.gz").read_bytes()[:100])
    with pytest.raises(ValueError, match=r"a\.csv\.gz is truncated or not a CSV file"):
        read_submission(tmp_path / "a.csv.gz")
    (tmp_path / "b.csv").write_text("")
    with pytest.raises(ValueError, match=r"b\.csv has no rows"):
        read_submission(tmp_path / "b.csv")
