"""MakeHuman's files as they are found in the wild."""

from pathlib import Path

import numpy as np
import pytest

from hourlift.synth.clothes.makehuman import CLOTHES, find, read_obj, read_texture, read_thing

from .makehuman_assets import write_assets


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_assets(tmp_path / "assets")


def test_what_a_folder_holds(folder: Path) -> None:
    things, skins = find(folder)
    assert [path.stem for path in things] == ["suit", "fringe"]
    assert [path.name for path in skins] == ["young_female_diffuse.png"]


def test_a_garment_as_its_files_tell_it(folder: Path) -> None:
    suit = read_thing(folder / "clothes" / "suit" / "suit.mhclo")
    assert (suit.name, suit.group, suit.tags) == ("suit", CLOTHES, ("female",))
    assert suit.base.shape == suit.share.shape == suit.offset.shape == (8, 3)
    np.testing.assert_array_equal(suit.measured, [[5399, 11998], [791, 881], [962, 5320]])
    np.testing.assert_allclose(suit.measure, [1.4, 2.4, 2.0])
    assert suit.hides.tolist() == [*range(1390, 1421), *range(10990, 11011)]
    assert [path.name for path in suit.textures] == ["red.png"]  # the material's, and no normal map


def test_vertices_bound_to_one_vertex_and_no_scales(folder: Path) -> None:
    fringe = read_thing(folder / "hair" / "fringe" / "fringe.mhclo")
    assert fringe.base[:, 0].tolist() == [881, 881, 297, 297]
    np.testing.assert_array_equal(fringe.share, [[1, 0, 0]] * 4)
    assert np.isnan(fringe.measure).all()


def test_quadrangles_are_split(folder: Path) -> None:
    mesh = read_obj(folder / "clothes" / "suit" / "suit.obj")
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]]
    np.testing.assert_array_equal(mesh.uv[mesh.uv_faces[0]], [[0, 1], [1, 1], [1, 0]])


def test_a_texture_without_transparency_is_opaque(folder: Path) -> None:
    texture = read_texture(folder / "clothes" / "suit" / "red.png", 32)
    assert texture.shape == (32, 32, 4)
    assert texture[0, 0].tolist() == [200, 0, 0, 255]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name suit\n", "no vertices or no obj_file"),
        ("obj_file gone.obj\nverts 0\n5\n", "gone.obj"),
        ("obj_file suit.obj\nverts 0\n5\n", "binds 1 vertices, but suit.obj has 8"),
        ("obj_file suit.obj\nx_scale a b 1\n", "not a MakeHuman garment"),
    ],
)
def test_a_broken_garment_is_named(folder: Path, content: str, message: str) -> None:
    path = folder / "clothes" / "suit" / "suit.mhclo"
    path.write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_thing(path)
    assert "suit.mhclo" in str(caught.value)


def test_a_folder_with_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no clothes, hair, eyebrows or skins"):
        find(tmp_path)
    with pytest.raises(ValueError, match="not a folder"):
        find(tmp_path / "gone")
