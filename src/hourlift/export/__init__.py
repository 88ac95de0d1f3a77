"""Trained networks as ONNX files, checked against torch number by number."""

from hourlift.export.models import export_hourglass, export_lifter
from hourlift.export.onnx_file import Exported, Parity

__all__ = ["Exported", "Parity", "export_hourglass", "export_lifter"]
