"""The failures of a program, and which error each is for the file that it was reading."""

from __future__ import annotations

from shift_media.core.errors import MediaError, OutOfResources, TranscodeError, Undecodable


def explain(error: TranscodeError, outcome: str) -> MediaError:
    """Return the error for a file whose program has failed.

    On a machine with too much to do, a program can reach its limit by the clock with any file. Its
    limit of CPU time depends on the file alone. So only the second is a lasting answer.

    Args:
        error: of the program.
        outcome: a clause without a full stop, such as ``"It was not drawn"``.
    """
    is_passing = error.retryable or error.code == "deadline"
    kind = OutOfResources if is_passing else Undecodable
    return kind(f"{outcome} within its limits: {error}")
