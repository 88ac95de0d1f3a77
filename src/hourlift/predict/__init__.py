"""From images and videos to poses, without PyTorch.

photo/video -> images, video -> detect, track (which box?) -> joints (hourglass) -> predictor (lifter, root)
several people: detector or a file of boxes -> crowd (which boxes?) -> joints -> identity (who is who?) -> predictor
"""

from hourlift.predict.predictor import PosePredictor

__all__ = ["PosePredictor"]
