"""Outputs of a source's poses: files of poses, images and videos with skeletons, a page, the viewer Rerun."""

from hourlift.media.sources import Source
from hourlift.pipeline.options import Outputs
from hourlift.pipeline.sinks.drawn import OverlaySink, SideBySideSink
from hourlift.pipeline.sinks.page import PageSink
from hourlift.pipeline.sinks.poses import JsonSink, TableSink
from hourlift.pipeline.sinks.rerun import RerunSink
from hourlift.pipeline.sinks.sink import Sink, Sinks

__all__ = ["Sink", "Sinks", "sinks_of"]


def sinks_of(source: Source, outputs: Outputs) -> Sinks:
    """The sinks for the requested outputs, those of poses first."""
    sinks: list[Sink] = []
    folder, name = outputs.folder, source.name
    if folder is not None:
        sinks += [JsonSink(folder / f"{name}.json")] if "json" in outputs.formats else []
        sinks += [TableSink(folder, name, table) for table in outputs.formats if table != "json"]
    if outputs.json_stdout:
        sinks.append(JsonSink(None))
    if outputs.rerun:
        sinks.append(RerunSink(outputs.rrd))
    if folder is not None:
        overlay = OverlaySink(folder, name) if outputs.overlay else None
        sinks += [] if overlay is None else [overlay]
        sinks += [SideBySideSink(folder, name)] if outputs.side_by_side else []
        sinks += [PageSink(folder / f"{name}.html", overlay, is_photo=source.kind == "photo")] if outputs.page else []
    return Sinks(source.label, sinks)
