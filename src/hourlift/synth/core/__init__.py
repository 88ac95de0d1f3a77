"""Basics of the generator: batches, random draws, rotations, points in rows."""
