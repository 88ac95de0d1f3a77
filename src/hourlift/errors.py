"""Errors that a user can mend."""


class UserError(ValueError):
    """Something that the user can mend: an option, a file, a missing package. Its message is for them, in one line.

    Any other exception is a fault of hourlift's.
    """
