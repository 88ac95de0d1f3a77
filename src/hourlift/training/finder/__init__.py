"""The finder's training: composed scenes and photographs in which some people are annotated."""
