"""What can go wrong with a user's call to the API?"""

from __future__ import annotations

from typing import Final

from nodesim.machine import Answered


class ApiError(Exception):
    """The API server refused, or no answer came.

    `code` is the HTTP status, 0 where no answer came; `reason` and `message` are those of Kubernetes' Status; `call`
    says what was asked.  `cause` is the reason of the cause in its details, such as `NamespaceTerminating`.
    """

    def __init__(self, call: str, answer: Answered) -> None:
        self.call = call
        self.code = answer.code
        self.reason = answer.reason
        self.message = answer.message
        self.cause = answer.cause
        self.retry_after_seconds = answer.retry_after_seconds
        what = f"{self.code} {self.reason}" if self.code else self.reason
        super().__init__(f"{call}: {what}{': ' if self.message else ''}{self.message}")


class NotFound(ApiError):
    """404: no such object."""


class AlreadyExists(ApiError):
    """409 AlreadyExists: an object of this name is there already."""


class Conflict(ApiError):
    """409 Conflict: the object changed since it was read (or its uid is another); read it again."""


class Invalid(ApiError):
    """422: the object is not valid."""


class Forbidden(ApiError):
    """403: an admission plugin refuses it."""


class Expired(ApiError):
    """410: the resourceVersion is too old."""


class NoAnswer(ApiError):
    """No answer came, and nobody knows whether the server acted.

    `reason` is `Timeout`, `ConnectionLost` or `ConnectionRefused` (then it did not act).
    """


class ProcessEnded(Exception):
    """Work of a process that was crashed or stopped goes on in a shielded scope: it has no API any more."""


_BY_REASON: Final[dict[str, type[ApiError]]] = {
    "NotFound": NotFound,
    "AlreadyExists": AlreadyExists,
    "Conflict": Conflict,
    "Invalid": Invalid,
    "Forbidden": Forbidden,
    "Expired": Expired,
}


def problem(call: str, answer: Answered) -> ApiError:
    """The error for an answer that is none of success."""
    kind = NoAnswer if answer.code == 0 else _BY_REASON.get(answer.reason, ApiError)
    return kind(call, answer)
