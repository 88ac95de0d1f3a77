"""People that never lived, rendered with their joints: body, pose, clothes, light and camera follow from a seed."""
