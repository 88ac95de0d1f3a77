"""Prints how the packages of hourlift hang together: rooms, the arrows between them, and how deep they are stacked.

    python tools/structure.py [PACKAGE ...]

A room is a module or sub-package of a package; an arrow is an import of one room by another, counted once. Depth is the
longest chain of arrows.
"""

import sys

import grimp

PACKAGES = ("", "synth", "predict", "data", "training", "pipeline", "media", "cli", "formats", "view")


def rooms_of(graph: grimp.ImportGraph, package: str) -> dict[str, set[str]]:
    """The rooms of a package, each with the rooms that it imports."""
    rooms = sorted(graph.find_children(package))
    arrows: dict[str, set[str]] = {room: set() for room in rooms}
    for room in rooms:
        for module in (room, *graph.find_descendants(room)):
            for imported in graph.find_modules_directly_imported_by(module):
                other = next((r for r in rooms if imported == r or imported.startswith(f"{r}.")), None)
                if other is not None and other != room:
                    arrows[room].add(other)
    return arrows


def depth(arrows: dict[str, set[str]]) -> int:
    """Length of the longest chain, in rooms; -1 if there is a circle."""
    known: dict[str, int] = {}

    def down(room: str, above: tuple[str, ...]) -> int:
        if room in above:
            raise RecursionError
        if room not in known:
            known[room] = 1 + max((down(other, (*above, room)) for other in arrows[room]), default=0)
        return known[room]

    try:
        return max((down(room, ()) for room in arrows), default=0)
    except RecursionError:
        return -1


def main() -> None:
    graph = grimp.build_graph("hourlift", exclude_type_checking_imports=True)
    print("| package | files | rooms | arrows | depth |\n|---|---:|---:|---:|---:|")
    for name in sys.argv[1:] or PACKAGES:
        package = f"hourlift.{name}".rstrip(".")
        if package in graph.modules:
            arrows = rooms_of(graph, package)
            files = len(graph.find_descendants(package)) + 1
            print(f"| {package} | {files} | {len(arrows)} | {sum(map(len, arrows.values()))} | {depth(arrows)} |")


if __name__ == "__main__":
    main()
