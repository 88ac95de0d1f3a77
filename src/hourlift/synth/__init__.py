"""Synthetic people, rendered with their joints. A seed determines body, pose, clothes, light and camera."""
