"""Export of trained networks as ONNX files, with a numerical check against PyTorch."""

from hourlift.export.models import export_finder, export_hourglass, export_lifter
from hourlift.export.onnx_file import Exported, Parity

__all__ = ["Exported", "Parity", "export_finder", "export_hourglass", "export_lifter"]
