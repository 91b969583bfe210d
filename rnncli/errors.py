"""Every failure that a user can cause or meet, by kind.

The command line prints the message as one line and exits with `exit_code`; a message names
the thing, the place and the remedy. Its words stand where it is raised: search for them.
"""


class RnncliError(Exception):
    """A failure with a message meant for the user."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        """Make a failure; line breaks in what the message quotes become blanks."""
        super().__init__(" ".join(message.splitlines()))


class UsageError(RnncliError):
    """Options or settings that contradict each other or are out of range."""

    exit_code = 2


class DataError(RnncliError):
    """Text, tables, archives or prepared datasets that cannot be used."""


class RunError(RnncliError):
    """A run, checkpoint or saved model that is missing, incomplete or damaged."""


class DivergedError(RnncliError):
    """Training produced a loss or gradients that are not finite."""


class RequirementError(RnncliError):
    """A requirement on a result, a quality gate such as ``--fail-under``, was not met."""

    exit_code = 3
