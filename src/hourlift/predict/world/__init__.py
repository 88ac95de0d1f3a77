"""People in space: the floor, their height, and poses that match the image."""
