"""Cameras: their placement, and image degradations."""
