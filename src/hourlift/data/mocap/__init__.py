"""Recorded motion."""
