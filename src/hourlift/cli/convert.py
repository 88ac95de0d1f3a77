"""``hourlift convert``: convert results to other formats."""

import logging
import sys
from pathlib import Path
from typing import Annotated

import tyro

from hourlift.errors import UserError
from hourlift.formats.text import one_line

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
) -> int:
    """Write the poses of a result in other formats, selected by the suffix of each file.

    .json, .csv, .npz, .trc (OpenSim), .c3d, .glb (glTF) and .coco.json hold all people. A .bvh file holds one person:
    several go to FILE-0.bvh, FILE-1.bvh and so on, by person_id. docs/formats.md gives axes and units.

    Args:
        source: a .json or .npz file that hourlift wrote.
        out: files to write.
        person: write only this person_id.

    Returns:
        Exit status: 0 when all files are written, 1 when some failed, 2 when all did.

    Raises:
        ValueError: a suffix is unknown, or the source is not a result.
        OSError: the source cannot be read.
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
    num_failed = 0
    with LateProgress() as progress:
        for number, path in enumerate(out):
            progress.update(path.name, number, len(out))
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                files = write_poses(path, document)
            except (UserError, OSError) as error:  # one format must not cost the others
                if isinstance(error, BrokenPipeError):
                    raise
                num_failed += 1
                progress.say(f"hourlift: {one_line(error)}", sys.stderr)
            else:
                for file in files:
                    progress.say(str(file), sys.stdout)
    return 0 if not num_failed else 2 if num_failed == len(out) else 1
