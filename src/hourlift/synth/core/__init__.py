"""What every part of the generator computes with: batches, random draws, rotations, points in rows."""
