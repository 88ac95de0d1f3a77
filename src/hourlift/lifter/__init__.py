"""Stage 2: 17 joints in the picture -> 17 joints in millimetres."""
