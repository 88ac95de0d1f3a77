"""Annotated images from files, whatever their layout, as one `Sample` each."""

from hourlift.data.dataset import DataSet
from hourlift.data.frame_id import FrameId
from hourlift.data.images.coco import load_coco, write_coco
from hourlift.data.recognise import recognise
from hourlift.data.sample import Sample
from hourlift.data.shards import find_shards, load_shards, write_shards

__all__ = [
    "DataSet",
    "Sample",
    "FrameId",
    "find_shards",
    "load_coco",
    "load_shards",
    "recognise",
    "write_coco",
    "write_shards",
]
