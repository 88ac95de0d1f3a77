"""Stage 1: picture of a person -> a heatmap per joint -> 17 joints in the picture."""
