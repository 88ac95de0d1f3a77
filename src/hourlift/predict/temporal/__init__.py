"""Smoothing over time."""
