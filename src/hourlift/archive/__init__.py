"""Whole archives of videos and images: many sources, many workers, one folder of Parquet.

- `store`: the folder of results, and what makes each source appear in it once.
- `work`: one source from end to end.
- `run`: many of them, in this process or on Ray.
"""
