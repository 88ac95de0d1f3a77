"""Errors that the user can fix."""


class UserError(ValueError):
    """An error that the user can fix: in an option, a file, a missing package. Its message is one line for the user.

    Any other exception is a bug of hourlift.
    """
