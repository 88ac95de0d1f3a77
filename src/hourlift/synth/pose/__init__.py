"""Poses: from joint limits, a learned prior or motion capture."""
