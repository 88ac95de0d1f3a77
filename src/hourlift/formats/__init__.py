"""Poses on disk: one module a format, each with what it takes to write and to load it."""
