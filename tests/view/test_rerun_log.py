"""What Rerun gets, read back with its own reader."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hourlift.geometry.skeleton import H36M17
from hourlift.pose import Pose, PoseFrame
from hourlift.view.rerun_log import RerunLog

pytest.importorskip("rerun")
from rerun.chunk import RrdReader

MakePerson = Callable[..., Pose]
IMAGE = np.full((240, 320, 3), (200, 30, 40), np.uint8)


def read(path: Path) -> dict[str, dict[str, list[Any]]]:
    """{entity: {column: values of all rows in order of frames}} of a recording."""
    found: dict[str, list[dict[str, Any]]] = {}
    for chunk in RrdReader(str(path)).stream():
        batch = chunk.to_record_batch()
        names = [name for name in batch.schema.names if name == "frame" or ":" in name]
        found.setdefault(chunk.entity_path, []).extend(batch.select(names).to_pylist())
    table = {}
    for entity, rows in found.items():
        rows.sort(key=lambda row: row.get("frame") or 0)
        names = dict.fromkeys(name for row in rows for name in row)
        table[entity] = {name: [row.get(name) for row in rows] for name in names}
    return table


def write(path: Path, frames: list[PoseFrame], person: Pose) -> dict[str, dict[str, list[Any]]]:
    with RerunLog("video.mp4", person.camera, path) as log:
        for frame in frames:
            log.log(IMAGE, frame)
        assert not path.exists(), "whole or not at all"
    return read(path)


def test_pictures_2d_3d_and_camera_are_in_the_file(tmp_path: Path, person: MakePerson) -> None:
    frames = [PoseFrame(index=i, time_s=i / 10, people=[person(root_mm=(10 * i, 0, 4000))]) for i in range(3)]
    table = write(tmp_path / "a.rrd", frames, person())
    assert list(tmp_path.iterdir()) == [tmp_path / "a.rrd"]
    (matrix,) = table["/camera"]["Pinhole:image_from_camera"]
    np.testing.assert_allclose(np.reshape(matrix, (3, 3)).T, person().camera.matrix, rtol=1e-6)
    assert table["/camera"]["Pinhole:resolution"] == [[[320.0, 240.0]]]
    images = table["/camera/image"]
    assert images["frame"] == [0, 1, 2]
    jpeg = np.frombuffer(bytes(images["EncodedImage:blob"][0][0]), np.uint8)
    np.testing.assert_allclose(cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[..., ::-1], IMAGE, atol=6)
    solid = table["/person/0/joints"]
    np.testing.assert_allclose(
        solid["Points3D:positions"], [frame.people[0].joints_cam_mm for frame in frames], atol=1e-3
    )
    assert solid["Points3D:labels"][0] == list(H36M17.joint_names)
    flat = table["/camera/image/person/0/joints"]["Points2D:positions"]
    np.testing.assert_allclose(flat, [frame.people[0].joints_2d_px for frame in frames], atol=1e-3)
    assert len(table["/person/0/limbs"]["LineStrips3D:strips"][0]) == 16


def test_unknown_joints_are_left_out_and_who_leaves_is_cleared(tmp_path: Path, person: MakePerson) -> None:
    joints = person().joints_3d_mm.copy()
    joints[H36M17.index("l_knee")] = np.nan
    confidence = person().confidence.copy()
    confidence[H36M17.index("head")] = 0.01
    partly = dataclasses.replace(person(), joints_3d_mm=joints, confidence=confidence, root_cam_mm=np.full(3, np.nan))
    frames = [PoseFrame(index=0, time_s=0, people=[partly]), PoseFrame(index=1, time_s=0.1, people=[])]
    table = write(tmp_path / "a.rrd", frames, person())
    (positions,) = (row for row in table["/person/0/joints"]["Points3D:positions"] if row)
    assert len(positions) == 15 and np.isfinite(positions).all()
    (strips,) = table["/person/0/limbs"]["LineStrips3D:strips"]
    assert len(strips) == 16 - 3, "thigh, shank and head are missing"
    assert table["/person/0"]["Clear:is_recursive"] == [[True]]


def test_a_mistake_leaves_no_file(tmp_path: Path, person: MakePerson) -> None:
    with pytest.raises(RuntimeError, match="on the way"), RerunLog("video", person().camera, tmp_path / "a.rrd") as log:
        log.log(IMAGE, PoseFrame(index=0, time_s=0, people=[person()]))
        raise RuntimeError("on the way")
    assert list(tmp_path.iterdir()) == []
    with (
        pytest.raises(OSError, match=r"a\.rrd: cannot be written"),
        RerunLog("video", person().camera, tmp_path / "nowhere" / "a.rrd"),
    ):
        pass
