"""``hourlift convert``: convert results to other formats."""

import logging
from pathlib import Path
from typing import Annotated

import tyro

from hourlift.errors import UserError

EXAMPLES = """
hourlift convert result.json result.bvh                    # Blender: File > Import > Motion Capture
hourlift convert result.json result.glb result.csv         # several at once
hourlift convert result.json dancer.bvh --person 2         # one of several people
hourlift convert result.npz result.json
hourlift convert result.json markers.c3d                   # needs hourlift[formats]
"""


def command(
    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RESULT")],
    out: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILE...", help_behavior_hint="")],
    *,
    person: Annotated[int | None, tyro.conf.arg(metavar="N", help_behavior_hint="(default: all people)")] = None,
) -> None:
    """Write the poses of a result in other formats, selected by the suffix of each file.

    .json, .csv, .npz, .trc (OpenSim), .c3d, .glb (glTF) and .coco.json hold all people. A .bvh file holds one person:
    several go to FILE-0.bvh, FILE-1.bvh and so on, by person_id. docs/formats.md gives axes and units.

    Args:
        source: a .json or .npz file that hourlift wrote.
        out: files to write.
        person: write only this person_id.

    Raises:
        ValueError: a suffix is unknown, the source is not a result, or it has no people and a format needs at least
            one.
        OSError: a file cannot be read or written.
    """
    from hourlift.cli.progress import LateProgress
    from hourlift.formats.table import format_of, load_poses, write_poses
    from hourlift.formats.tracks import only

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("hourlift: %(message)s"))
    logging.getLogger("hourlift").handlers = [handler]
    if not out:
        raise UserError("name at least one file to write; `hourlift convert --help` has examples")
    for path in out:
        format_of(path).load_module()
    document = load_poses(source)
    if person is not None:
        document = only(document, person)
    with LateProgress() as progress:
        for number, path in enumerate(out):
            progress.update(path.name, number, len(out))
            path.parent.mkdir(parents=True, exist_ok=True)
            for file in write_poses(path, document):
                print(file)
