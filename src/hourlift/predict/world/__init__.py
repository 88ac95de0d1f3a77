"""People in space: the floor, their height, and poses that meet the image."""
