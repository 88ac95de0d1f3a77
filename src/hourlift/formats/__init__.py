"""Poses on disk: one module per format, which writes and may load it."""
