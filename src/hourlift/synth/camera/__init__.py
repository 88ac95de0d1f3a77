"""Cameras: where they stand, and what they do to light."""
