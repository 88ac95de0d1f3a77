"""``hourlift batch`` in one process: what is written, what is told, and what happens when something is wrong."""

import errno
import functools
import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from hourlift.archive import work
from hourlift.archive.store import Item, Record, Store
from hourlift.cli import main
from hourlift.formats.npz import load
from hourlift.media.video_writer import VideoWriter

ARRAYS = {
    "joints_2d_px": (17, 2),
    "confidence": (17,),
    "joints_3d_mm": (17, 3),
    "root_cam_mm": (3,),
    "box_xyxy_px": (4,),
}


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def here(marker_models: tuple[Path, Path]) -> list[str]:
    return ["--weights", str(marker_models[0]), "--lifter", str(marker_models[1]), "--workers", "0"]


@pytest.fixture
def archive(figure) -> Path:
    """Two videos, a photo, and a video that is none."""
    Path("in").mkdir()
    for name, step in (("dance", 3), ("walk", -2)):
        with VideoWriter(f"in/{name}.mp4", (320, 240), 25) as writer:
            for i in range(6):
                writer.write(figure.draw((320, 240), (150 + step * i, 120), 190), i / 25)
    assert cv2.imwrite("in/photo.png", cv2.cvtColor(figure.draw((320, 240), (150, 120), 190), cv2.COLOR_RGB2BGR))
    Path("in/broken.mp4").write_bytes(b"no video at all")
    return Path("in")


def sources(out: str | Path) -> dict[str, dict]:
    """The table of sources by the files' names."""
    return {Path(row["source"]).name: row for row in pq.read_table(f"{out}/_sources").to_pylist()}


def test_numbers_are_those_of_predict(archive: Path, here: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["batch", "in", "-o", "out.parquet", *here]) == 1
    printed = capsys.readouterr()
    assert printed.out == f"3 of 4 sources done; 13 poses now\n  {Path('out.parquet').absolute()}\n"
    assert printed.err.startswith(f"hourlift: {Path('in/broken.mp4').absolute()}: this is not a video")
    assert printed.err.count("\n") == 1
    assert main(["predict", "in", "-o", "same", "--no-overlay", "--no-page", "--formats", "npz", *here[:4]]) == 1
    table = pq.read_table("out.parquet")
    for name in ("dance.mp4", "walk.mp4", "photo.png"):
        document = load(f"same/{Path(name).stem}.npz")
        rows = table.filter([value.endswith(name) for value in table["source"].to_pylist()])
        people = [(frame, pose) for frame in document.frames for pose in frame.people]
        assert rows["frame"].to_pylist() == [frame.index for frame, _ in people]
        assert rows["time_s"].to_pylist() == [frame.time_s for frame, _ in people]
        assert rows["person"].to_pylist() == [pose.person_id for _, pose in people]
        for column, shape in ARRAYS.items():
            values = np.array(rows[column].to_pylist(), np.float32)
            assert values.shape == (len(people), *shape)
            np.testing.assert_array_equal(values, [getattr(pose, column) for _, pose in people])


def test_the_table_of_sources(archive: Path, here: list[str]) -> None:
    main(["batch", "in", "-o", "out.parquet", *here])
    table = sources("out.parquet")
    assert {name: row["status"] for name, row in table.items()} == {
        "broken.mp4": "failed",
        "dance.mp4": "done",
        "photo.png": "done",
        "walk.mp4": "done",
    }
    dance, broken = table["dance.mp4"], table["broken.mp4"]
    assert (dance["kind"], dance["frames"], dance["people"], dance["rows"]) == ("video", 6, 1, 6)
    assert json.loads(dance["header"])["image_wh"] == [320, 240]
    assert json.loads(dance["header"])["networks"]["hourglass"]["precision"] == "fp32"
    assert "this is not a video" in broken["error"] and broken["rows"] == 0
    assert not (Path("out.parquet") / f"source_id={broken['source_id']}").exists()


def test_what_computes_is_chosen_once_and_kept(archive: Path, here: list[str]) -> None:
    main(["batch", "in/photo.png", "-o", "out", *here])
    settings = json.loads(Path("out/_run.json").read_text())["settings"]
    assert (settings["precision"], settings["runtime"]) == ("fp32", "onnxruntime")


def test_resume_leaves_out_what_is_finished(archive: Path, here: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(["batch", "in", "-o", "out", *here])
    files = {path: path.stat().st_mtime_ns for path in Path("out").rglob("poses.parquet")}
    (archive / "broken.mp4").write_bytes((archive / "dance.mp4").read_bytes())
    capsys.readouterr()
    assert main(["batch", "in", "-o", "out", "--resume", *here]) == 0
    assert capsys.readouterr().out.startswith("4 of 4 sources done, 3 of them before; 6 poses now\n")
    assert {path: path.stat().st_mtime_ns for path in files} == files
    assert pq.read_table("out").num_rows == 19
    assert main(["batch", "in", "-o", "out", "--resume", *here]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["in", "-o", "out"], "out already holds a run: continue it with --resume, or name another folder"),
        (["in", "-o", "out", "--resume", "--no-smooth"], "was started with smooth True, not False; resume with those"),
        (
            ["in", "-o", "out", "--resume", "--flip-test"],
            "was started with flip_test False, not True; resume with those",
        ),
        (["in", "-o", "new", "--precision", "int8"], "int8 is not available: this model has no 8-bit twin"),
        (["in", "-o", "in"], "in exists and does not hold a run of `hourlift batch`; name another folder"),
        (["empty", "-o", "new"], "empty: this folder holds no images or videos"),
        (["memory://empty/", "-o", "new"], "memory://empty/: "),
        (["nowhere.mp4", "-o", "new"], "nowhere.mp4: no such file or folder"),
        (["webcam:0", "-o", "new"], "webcam:0: a webcam is no archive"),
        (
            ["nowhere.mp4", "gone.mp4", "-o", "new"],
            "nothing to work on: nowhere.mp4: no such file or folder; g",
        ),
        (["in", "-o", "abacus://x"], "abacus://x: Protocol not known: abacus"),
        ([], "name at least one photo, video, folder or URL"),
    ],
)
def test_mistakes_are_one_line(
    archive: Path, here: list[str], arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty").mkdir()
    main(["batch", "in/photo.png", "-o", "out", *here])
    capsys.readouterr()
    assert main(["batch", *(arguments or ["-o", "new"]), *here]) == 2
    printed = capsys.readouterr().err
    assert message in printed and printed.count("\n") == 1
    assert not Path("new").exists()


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a web server of the folder."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=Path.cwd())
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def test_urls_are_fetched_and_an_unreachable_one_is_recorded(archive: Path, here: list[str], server: str) -> None:
    urls = [f"{server}/in/dance.mp4", f"{server}/in/gone.mp4", "http://127.0.0.1:9/x.mp4", f"{server}/in/broken.mp4"]
    assert main(["batch", *urls, "-o", "out", *here]) == 1
    table = sources("out")
    assert table["dance.mp4"]["rows"] == 6
    for url in urls[1:]:
        assert table[Path(url).name]["status"] == "failed"
        assert table[Path(url).name]["error"].startswith(url) and "\n" not in table[Path(url).name]["error"]


def test_passwords_and_signatures_are_neither_told_nor_stored(
    archive: Path, here: list[str], server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = server.replace("http://", "http://user:S3cret@")
    urls = [f"{secret}/in/dance.mp4?signature=S3cret", f"{secret}/in/gone.mp4?signature=S3cret"]
    assert main(["batch", *urls, "-o", "out", *here]) == 1
    printed = capsys.readouterr()
    assert f"hourlift: {server}/in/gone.mp4: no such file" in printed.err
    assert {row["source"] for row in sources("out").values()} == {f"{server}/in/dance.mp4", f"{server}/in/gone.mp4"}
    stored = b"".join(
        repr(pq.read_table(path).to_pydict()).encode() + repr(pq.read_schema(path).metadata).encode()
        if path.suffix == ".parquet"
        else path.read_bytes()
        for path in Path("out").rglob("*")
        if path.is_file()
    )
    ours = [
        line for line in (printed.err + printed.out).splitlines() if not line.startswith("127.0.0.1")
    ]  # the server's own
    assert b"S3cret" not in stored and "S3cret" not in "".join(ours)
    assert main(["batch", *urls, "-o", "out", "--resume", *here]) == 1
    assert "1 of them before" in capsys.readouterr().out


def test_a_name_that_is_no_utf8_stops_no_other(
    archive: Path, here: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        Path("in/bad\udcff.png").write_bytes(Path("in/photo.png").read_bytes())
    except (OSError, UnicodeError):
        pytest.skip("this file system has no such names")
    assert main(["batch", "in/photo.png", "in/bad\udcff.png", "-o", "out", *here]) == 1
    assert "bad\\udcff.png: the name is not UTF-8" in capsys.readouterr().err
    assert sources("out")["photo.png"]["status"] == "done"
    options = ["--no-overlay", "--no-page", *here[:4]]
    assert main(["predict", "in/bad\udcff.png", "-o", "one", *options]) == 0  # files of ours can be called otherwise
    assert Path("one/bad_.json").exists()


def test_urls_of_folders_and_of_the_output(archive: Path, here: list[str]) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.put("in/", "/videos/", recursive=True)
    assert main(["batch", "memory://videos", "-o", "memory://out", *here]) == 1
    assert main(["batch", "memory://videos/*.mp4", "-o", "memory://out", "--resume", *here]) == 1
    memory.get("/out", "copied", recursive=True)
    assert pq.read_table("copied").num_rows == 13
    assert sources("copied")["walk.mp4"]["source"] == "memory:///videos/walk.mp4"


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_members_of_archives(kind: str, archive: Path, here: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    file = Path(shutil.make_archive("all", kind, base_dir="in")).absolute()
    urls = [f"{kind}://in/*.mp4::all.{kind}", f"simplecache::{kind}://in/photo.png::file://{file}"]
    urls += [f"{kind}://no.jpg::{file}", f"{kind}://in/photo.png"]
    assert main(["batch", *urls, "-o", "out", *here]) == 1
    rows = {row["source"]: row["rows"] for row in pq.read_table("out/_sources").to_pylist()}
    videos = {f"{kind}://in/{name}.mp4::{file}": count for name, count in (("dance", 6), ("walk", 6), ("broken", 0))}
    assert rows == {**videos, urls[1]: 1, urls[2]: 0}
    printed = capsys.readouterr().err
    assert f"hourlift: {urls[3]}: which archive?" in printed
    assert f"hourlift: {urls[2]}: " in printed


def test_a_warning_is_said_once(archive: Path, here: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    clip = resources.files("hourlift") / "assets" / "demo.mp4"
    Path("cut.mp4").write_bytes(clip.read_bytes()[:60_000])
    assert main(["batch", "cut.mp4", "-o", "out", *here]) == 0
    assert capsys.readouterr().err.count("the video is cut off") == 1


def test_a_full_disk_ends_the_run_and_leaves_nothing_half_written(
    archive: Path, here: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_bytes = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if ".walk" in str(path) or "source_id=walk" in str(path):
            write_bytes(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_bytes(path, data)

    command = ["batch", "in/dance.mp4", "in/walk.mp4", "in/photo.png", "-o", "out", *here]
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        assert main(command) == 2
    assert capsys.readouterr().err == f"hourlift: {Path('out').absolute()}: No space left on device\n"
    assert [path.name for path in Path("out").rglob("*.part*")] == []
    assert set(sources("out")) == {"dance.mp4"}
    assert main([*command, "--resume"]) == 0
    assert pq.read_table("out").num_rows == 13


def test_a_source_that_kills_its_workers_is_given_up(archive: Path) -> None:
    store = Store(str(Path("out").absolute()))
    store.start({}, resume=False)
    item = Item(source=str(Path("in/dance.mp4").absolute()), kind="video")
    for attempt in range(1, work.MAX_ATTEMPTS + 1):
        assert store.begin(item, "a worker") == attempt
    record = work.Worker(store.url, lambda: lambda _path, _kind: pytest.fail("tried once more"))(item)
    assert record.status == "failed" and record.error == f"{item.source}: the process that worked on it died, 3 times"
    store.start({}, resume=True)
    assert store.begin(item, "a worker") == 1


def test_poses_of_an_attempt_that_died_do_not_stay(archive: Path, here: list[str]) -> None:
    main(["batch", "in/dance.mp4", "-o", "out", *here])
    item = Item(source=str(Path("in/dance.mp4").absolute()), kind="video")
    store = Store(str(Path("out").absolute()))
    store.finish(item, Record(source=item.source, kind="video", status="failed", error="lost"), None)
    assert pq.read_table("out/_sources").num_rows == 1
    assert not list(Path("out").rglob("poses.parquet"))


def test_ids_follow_from_the_source_alone() -> None:
    ids = {Item(source=source, kind="video").id for source in ("/a/x.mp4", "/b/x.mp4", "/a/x.mov", "s3://a/x.mp4")}
    assert len(ids) == 4 and all(name.startswith("x-") for name in ids)
    strange = Item(source="/a/" + "ü =/%" * 90 + ".mp4", kind="video").id
    assert strange.isascii() and len(strange) < 80 and not set(strange) & set("/=% ")
    assert Item(source="/a/x.mp4", kind="photo").id == Item(source="/a/x.mp4", kind="video").id


def test_a_worker_with_a_disk_of_its_own_is_noticed(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "shared"))
    item = Item(source="/a.mp4", kind="video")
    Store(str(tmp_path / "own")).finish(item, Record(source="/a.mp4", kind="video", status="failed"), None)
    with pytest.raises(ValueError, match="a worker wrote to another disk"):
        store.check_shared(item)
