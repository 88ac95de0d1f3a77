"""Options that several commands share, each group with what it means."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from hourlift.cli.height import parse_height
from hourlift.errors import UserError
from hourlift.formats.coco_boxes import MIN_SCORE
from hourlift.geometry.camera import Camera
from hourlift.geometry.world import up_of_pitched_camera
from hourlift.pipeline.people_source import PeopleSource
from hourlift.predict import PosePredictor
from hourlift.predict.models.precision import Precision, Runtime
from hourlift.weights import HOURGLASS, LIFTER

_arg = tyro.conf.arg


@dataclass(frozen=True, kw_only=True)
class CameraOptions:
    """Without these options a photo's EXIF data are used, else a field of view of 60 degrees is assumed."""

    fov: Annotated[float | None, _arg(metavar="DEGREES", help_behavior_hint="")] = None
    """field of view along the longer side of the image, if you know it"""
    camera: Annotated[Path | None, _arg(metavar="FILE", help_behavior_hint="")] = None
    """JSON or TOML file with fx, fy, cx, cy, image_wh in pixels and OpenCV's distortion"""

    def load(self) -> Camera | None:
        """The camera of the file.

        Raises:
            UserError, OSError: Two options describe the camera, or the file does not.
        """
        if self.fov is not None and self.camera is not None:
            raise UserError("--fov and --camera both describe the camera; give one of them")
        return None if self.camera is None else Camera.load(self.camera)


@dataclass(frozen=True, kw_only=True)
class WorldOptions:
    """Without these options people have an average height, and a video's people show where the floor is."""

    height: Annotated[str | None, _arg(metavar="HEIGHT", help_behavior_hint="")] = None
    """how tall the people are, such as 1.78m, 178cm or 5'10"; sets the scale of poses and distances"""
    pitch: Annotated[float | None, _arg(metavar="DEGREES", help_behavior_hint="")] = None
    """how far down the camera looks, below 0 up, so that the world stands upright"""

    @property
    def height_mm(self) -> float | None:
        """The height in millimetres.

        Raises:
            UserError: It is no height of a person.
        """
        return None if self.height is None else parse_height(self.height)

    def check(self) -> None:
        """Complain before the work, not after it.

        Raises:
            UserError: An option makes no sense.
        """
        _ = self.height_mm
        if self.pitch is not None:
            up_of_pitched_camera(self.pitch)


@dataclass(frozen=True, kw_only=True)
class PeopleOptions:
    """Without these options the network itself searches for the most visible person."""

    people: Annotated[int | None, _arg(metavar="N", help_behavior_hint="(default: 1, or all in boxes)")] = None
    """how many people to find and follow at most; more than one in a video needs the extra "track\""""
    detector: Annotated[Path | None, _arg(metavar="FILE", help_behavior_hint="")] = None
    """a person detector as ONNX file: a finder of hourlift, YOLOX, RTMDet, or of the YOLO family; none searches"""
    detector_family: Literal["auto", "yolox", "rtmdet", "yolo"] = "auto"
    """how the detector takes images, where its file and outputs do not say"""
    min_score: Annotated[float, _arg(metavar="S")] = MIN_SCORE
    """boxes with a lower score are ignored"""

    def people_source(
        self, networks: "NetworkOptions", *, has_box: bool = False, boxes: Path | None = None
    ) -> PeopleSource:
        """What says where people are.

        Raises:
            UserError, OSError: The options make no sense together, or a file does not hold what it should.
        """
        family = None if self.detector_family == "auto" else self.detector_family
        return PeopleSource.from_options(
            *(self.people, has_box, boxes, self.detector, family, self.min_score),
            threads=networks.threads,
            device=networks.device,
        )


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """The networks, and how they run."""

    weights: Annotated[str, _arg(metavar="MODEL")] = HOURGLASS
    """hourglass: hourglass-accurate, hourglass-fast (a third of the time, fewer joints right), or an .onnx file"""
    lifter: Annotated[str, _arg(metavar="MODEL")] = LIFTER
    """lifter, by name or as an .onnx file"""
    flip_test: bool = False
    """also run every crop mirrored and average: half the speed, a little more accurate"""
    turn: bool = True
    """run people who lean again, at a turned crop, and keep the better answer"""
    refine: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """fit the 3D to the 2D joints, with the same bone lengths through a video; needs hourlift[refine]"""
    threads: Annotated[int, _arg(metavar="N")] = 2
    """CPU threads of the networks"""
    device: Literal["cpu", "cuda"] = "cpu"
    """where the networks run; cuda needs hourlift[gpu]"""
    precision: Annotated[Precision | None, _arg(help_behavior_hint="(default: the fastest accurate one here)")] = None
    """arithmetic of the hourglass: fp32, bf16 (needs hourlift[openvino]) or int8 (needs a twin, as the shipped models
    have); results say which ran"""
    runtime: Annotated[Runtime | None, _arg(help_behavior_hint="(default: the fastest one here)")] = None
    """what runs the hourglass; openvino needs hourlift[openvino]"""

    def predictor(self) -> PosePredictor:
        """Load the networks.

        Raises:
            UserError, OSError: A model cannot be used, or not in this way.
        """
        return PosePredictor(
            *(self.weights, self.lifter),
            threads=self.threads,
            device=self.device,
            flip_test=self.flip_test,
            turn=self.turn,
            refine=self.refine,
            precision=self.precision,
            runtime=self.runtime,
            finder=None,  # `PeopleOptions` says what finds people
        )
