"""A client for a service of AWS that runs jobs: one call at a time, with back-off."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from shift_media.core.backoff import Backoff
from shift_media.core.errors import TranscodeError, drop_locals

CONNECT_TIMEOUT, READ_TIMEOUT = 5.0, 20.0  # seconds

RETRIES = 4
"""Of one call; after that the whole job is tried again later."""

_THROTTLED = (
    "TooManyRequestsException",
    "ThrottlingException",
    "Throttling",
    "LimitExceededException",
)

Answer = dict[str, Any]
ServiceJob = dict[str, Any]
"""A job as the service describes it."""


class ServiceError(TranscodeError):
    """An error that the service answered, or that its client raised.

    Attributes:
        code: the service's own, or the name of botocore's exception.
        in_doubt: True if the service may have done what it was asked for.
    """

    code = "service"

    def __init__(self, detail: str, *, code: str, retryable: bool, in_doubt: bool = False) -> None:
        super().__init__(detail, code=code, retryable=retryable)
        self.in_doubt = in_doubt


class ServiceClient:
    """A boto3 client that is made on first use; threads may share it.

    botocore's own retries are off. They would create a second job if an answer is lost, because
    the services forget a request within a minute, or at once.

    Attributes:
        service: the name of the service in boto3.
        read_operation: the name of the call that reads a job.
        missing_codes: error codes for a job that does not exist.
        ended_codes: error codes of a cancellation that comes too late, or for a missing job.
        running_codes: error codes of a cancellation that the service refuses to a running job.
        retries, backoff: how often a call is repeated, and the pauses in seconds.
    """

    service: ClassVar[str]
    read_operation: ClassVar[str]
    missing_codes: ClassVar[tuple[str, ...]]
    ended_codes: ClassVar[tuple[str, ...]]
    running_codes: ClassVar[tuple[str, ...]] = ()
    retries: ClassVar[int] = RETRIES
    backoff: ClassVar[Backoff[float]] = Backoff(first=0.5, longest=4.0)

    def __init__(self, region: str, endpoint_url: str, read_timeout: float) -> None:
        self._region = region or None
        self._endpoint_url = endpoint_url or None
        self._read_timeout = read_timeout
        self._client: Any = None

    @property
    def client(self) -> Any:
        """The boto3 client. Raises `ServiceError` without a region or credentials."""
        if self._client is None:
            from boto3.session import Session
            from botocore.config import Config

            config = Config(
                connect_timeout=CONNECT_TIMEOUT,
                read_timeout=self._read_timeout,
                retries={"mode": "standard", "total_max_attempts": 1},
            )
            make: Any = Session().client
            try:
                self._client = make(
                    self.service,
                    region_name=self._region,
                    endpoint_url=self._endpoint_url,
                    config=config,
                )
            except Exception as error:
                raise _translate(error) from error
        return self._client

    def get(self, id: str) -> ServiceJob | None:
        """Return a job; None if the service has no job of that id."""
        try:
            job: ServiceJob = self.call(self.read_operation, {"Id": id})["Job"]
        except ServiceError as error:
            if error.code in self.missing_codes:
                return None
            raise
        return job

    def create(self, request: Mapping[str, Any], find: Callable[[], str]) -> str:
        """Create a job and return its id.

        ``find`` is called after an answer was lost. It returns the id of the job that the request
        created, or an empty string.
        """
        error: ServiceError | None = None
        for attempt in range(1, self.retries + 1):
            try:
                return str(self.client.create_job(**request)["Job"]["Id"])
            except Exception as original:
                error = _translate(original)
                if not (error.retryable or error.in_doubt):
                    raise error from original
            self._pause(attempt)
            if error.in_doubt and (id := find()):
                return id
        assert error is not None  # noqa: S101 (there is at least one attempt)
        raise error

    def cancel(self, id: str) -> bool:
        """Cancel a job. Return False if the service lets it run to its end.

        A job that has ended is no error. There is only one retry, because a request of a user may
        be waiting.
        """
        try:
            self.call("cancel_job", {"Id": id}, retries=1)
        except ServiceError as error:
            if error.code in self.running_codes:
                return False
            if error.code not in self.ended_codes:
                raise
        return True

    def call(
        self, operation: str, parameters: Mapping[str, Any], *, retries: int | None = None
    ) -> Answer:
        """Make a call that does no harm when it is repeated. Raises `ServiceError`."""
        retries = self.retries if retries is None else retries
        attempt = 0
        while True:
            attempt += 1
            try:
                answer: Answer = getattr(self.client, operation)(**parameters)
            except Exception as original:
                error = _translate(original)
                if attempt > retries or not error.retryable:
                    raise error from original
            else:
                return answer
            self._pause(attempt)

    def pages(
        self, operation: str, parameters: Mapping[str, Any], token: str, next_token: str, most: int
    ) -> Iterator[ServiceJob]:
        """Yield the jobs of a listing, of at most so many pages.

        ``token`` and ``next_token`` name the token of a page in the request and in the answer.
        """
        position: dict[str, str] = {}
        for _ in range(most):
            page = self.call(operation, {**parameters, **position})
            yield from page.get("Jobs", ())
            if not page.get(next_token):
                return
            position = {token: page[next_token]}

    def _pause(self, attempt: int) -> None:
        # The random part keeps the workers that failed together from returning together.
        pause = self.backoff.pause(attempt)
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 (not a secret)


def _translate(error: Exception) -> ServiceError:
    """Return the error for one of botocore's; raise any other again."""
    from botocore import exceptions

    if isinstance(error, ServiceError):
        return error
    drop_locals(error)
    if isinstance(error, exceptions.ClientError):
        return _translate_answer(error)
    if isinstance(error, exceptions.ParamValidationError):
        return ServiceError(str(error), code="bad_settings", retryable=False)
    name = type(error).__name__
    if isinstance(error, (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError)):
        return ServiceError(str(error), code=name, retryable=True)  # The request was not sent.
    if isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError)):
        return ServiceError(str(error), code=name, retryable=True, in_doubt=True)
    if isinstance(error, exceptions.BotoCoreError):  # There is no region, or no credentials.
        return ServiceError(str(error), code=name, retryable=False)
    raise error


def _translate_answer(error: Any) -> ServiceError:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = str(error.response.get("Error", {}).get("Code") or status)
    if code in _THROTTLED or status == 429:
        return ServiceError(str(error), code=code, retryable=True)
    if status >= 500:
        return ServiceError(str(error), code=code, retryable=True, in_doubt=True)
    # A conflict on creation means that the service is working on the same request already.
    is_conflict = code == "ConflictException"
    return ServiceError(str(error), code=code, retryable=False, in_doubt=is_conflict)
