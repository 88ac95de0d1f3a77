"""The finder: a small network that finds all people in an image in one look."""
