"""Evaluation on annotated people: run the predictor, compute scores, write a report."""

from hourlift.evaluation.analysis import Analysis, analyse, limb_scores
from hourlift.evaluation.report import Report, make_report
from hourlift.evaluation.run import Outcome, lift_samples, predict_samples
from hourlift.evaluation.scores import Scores
from hourlift.evaluation.sheet import contact_sheet, truth_sheet

__all__ = [
    "Analysis",
    "Outcome",
    "Report",
    "Scores",
    "analyse",
    "contact_sheet",
    "limb_scores",
    "lift_samples",
    "make_report",
    "predict_samples",
    "truth_sheet",
]
