"""Annotated pictures from files, whatever their layout, as one `Sample` each."""

from hourlift.data.coco import load_coco, write_coco
from hourlift.data.sample import Sample
from hourlift.data.shards import find_shards, load_shards, write_shards

__all__ = ["Sample", "find_shards", "load_coco", "load_shards", "write_coco", "write_shards"]
