"""Annotated pictures from files, whatever their layout, as one `Sample` each."""

from hourlift.data.coco import load_coco, write_coco
from hourlift.data.sample import Sample

__all__ = ["Sample", "load_coco", "write_coco"]
