"""Data sets of annotated photographs: COCO, MPII, LSP."""
