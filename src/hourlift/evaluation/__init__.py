"""How good is the main job on annotated people: run it, score it, report it."""

from hourlift.evaluation.report import Report, make_report
from hourlift.evaluation.run import Outcome, lift_samples, predict_samples
from hourlift.evaluation.scores import Scores
from hourlift.evaluation.sheet import contact_sheet

__all__ = ["Outcome", "Report", "Scores", "contact_sheet", "lift_samples", "make_report", "predict_samples"]
