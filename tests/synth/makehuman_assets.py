"""A folder of MakeHuman assets, made for tests: a shirt and trousers in one file, hair with holes, and a skin."""

from pathlib import Path

import cv2
import numpy as np

SHIRT_BASE = (1400, 1401, 1402, 1403)
"""Vertices of the base mesh that the corners of the shirt's patch hang on; the trousers' are the next."""
TROUSERS_BASE = (11000, 11001, 11002, 11003)


def write_assets(folder: Path) -> Path:
    """Write the folder, in the layout of MakeHuman's own data."""
    shirt = folder / "clothes" / "suit"
    shirt.mkdir(parents=True)
    corners = [(-1, 5, 1), (1, 5, 1), (1, 2, 1), (-1, 2, 1), (-1, 1, 1), (1, 1, 1), (1, -6, 1), (-1, -6, 1)]
    _obj(shirt / "suit.obj", corners, [(1, 2, 3, 4), (5, 6, 7, 8)])
    rows = [f"{base} {base} {base} 1 0 0 0 0 0.2" for base in (*SHIRT_BASE, *TROUSERS_BASE)]
    (shirt / "suit.mhclo").write_text(
        "# a comment\nname suit\nobj_file suit.obj\ntag Female\nmaterial suit.mhmat\n"
        "x_scale 5399 11998 1.4\ny_scale 791 881 2.4\nz_scale 962 5320 2.0\nverts 0\n"
        + "\n".join(rows)
        + "\n\ndelete_verts\n1390 - 1420 10990 - 11010\n"
    )
    (shirt / "suit.mhmat").write_text("name suit\ndiffuseTexture red.png\n")
    texture = np.zeros((64, 64, 3), np.uint8)
    texture[..., 2] = 200
    cv2.imwrite(str(shirt / "red.png"), texture)
    cv2.imwrite(str(shirt / "suit_normal.png"), texture)
    hair = folder / "hair" / "fringe"
    hair.mkdir(parents=True)
    _obj(hair / "fringe.obj", [(-1, 8, 1), (1, 8, 1), (1, 7, 1), (-1, 7, 1)], [(1, 2, 3, 4)])
    (hair / "fringe.mhclo").write_text("name fringe\nobj_file fringe.obj\nverts 0\n881\n881\n297\n297\n")
    holed = np.full((64, 64, 4), 255, np.uint8)
    holed[:, 32:, 3] = 0
    cv2.imwrite(str(hair / "fringe.png"), holed)
    skin = folder / "skins"
    skin.mkdir()
    cv2.imwrite(str(skin / "young_female_diffuse.png"), np.full((64, 64, 3), (90, 130, 200), np.uint8))
    return folder


def _obj(path: Path, corners: list[tuple[float, ...]], faces: list[tuple[int, ...]]) -> None:
    lines = [f"v {x} {y} {z}" for x, y, z in corners]
    lines += [f"vt {u} {v}" for _ in faces for u, v in ((0, 1), (1, 1), (1, 0), (0, 0))]
    lines += [
        "f " + " ".join(f"{corner}/{4 * i + k + 1}" for k, corner in enumerate(face)) for i, face in enumerate(faces)
    ]
    path.write_text("\n".join(lines) + "\n")
