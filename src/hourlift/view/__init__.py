"""Results for the eye: poses drawn into the image, and a page that shows them in 3D beside it."""

from hourlift.view.overlay import draw_pose
from hourlift.view.page import write_page

__all__ = ["draw_pose", "write_page"]
