"""From pictures and videos to poses, without PyTorch.

photo/video -> images, video -> detect, track (which box?) -> joints (hourglass) -> predictor (lifter, root)
"""

from hourlift.predict.predictor import PosePredictor

__all__ = ["PosePredictor"]
