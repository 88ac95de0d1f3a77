"""Whole archives of videos and images: many sources, many workers, one folder of Parquet.

- `store`: the folder of results, in which each source appears once.
- `work`: one source from end to end.
- `run`: many of them, in this process or on Ray.
"""
