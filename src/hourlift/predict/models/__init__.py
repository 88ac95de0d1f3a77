"""Inference: running the networks and decoding their heatmaps."""
