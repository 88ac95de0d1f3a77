"""Results for the eye: poses drawn into the picture, and a page that shows them in 3D beside it."""
