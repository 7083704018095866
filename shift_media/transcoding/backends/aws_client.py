"""A service of AWS: one call at a time, with back-off, and errors of ours."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from shift_media.core.errors import TranscodeError

CONNECT_TIMEOUT, READ_TIMEOUT = 5.0, 20.0  # seconds
PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds between tries of one call, give or take a half; then the job itself waits its turn."""

_THROTTLED = (
    "TooManyRequestsException",
    "ThrottlingException",
    "Throttling",
    "LimitExceededException",
)

Answer = dict[str, Any]


class ServiceError(TranscodeError):
    """What a service, or the way to it, answered.

    ``code`` is the service's own. ``unknown`` where it may have done what it was asked for.
    """

    code = "service"

    def __init__(self, detail: str, *, code: str, retryable: bool, unknown: bool = False) -> None:
        super().__init__(detail, code=code, retryable=retryable)
        self.unknown = unknown


class Service:
    """A client that is made on first use, and may be used by threads.

    botocore's own retries are off: they would create a job twice, where the service does not
    remember the request, or not for as long as they last.

    Attributes:
        service: boto3's name of it.
        pauses: see `PAUSES`.
    """

    service: ClassVar[str]
    pauses: ClassVar[tuple[float, ...]] = PAUSES

    def __init__(self, region: str, endpoint_url: str, read_timeout: float) -> None:
        self._region = region or None
        self._endpoint_url = endpoint_url or None
        self._read_timeout = read_timeout
        self._client: Any = None

    @property
    def client(self) -> Any:
        """The boto3 client."""
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
                raise _known(error) from error
        return self._client

    def create_once(
        self,
        request: Mapping[str, Any],
        id_of: Callable[[Answer], str],
        find: Callable[[], str],
    ) -> str:
        """Create a job and return its id: ``find`` looks for one that an answer got lost of.

        ``find`` gives an empty string where there is none.
        """
        failure: ServiceError | None = None
        for pause in self.pauses:
            try:
                id = id_of(self.client.create_job(**request))
            except Exception as error:
                failure = _known(error)
                if not (failure.retryable or failure.unknown):
                    raise failure from error
            else:
                return id
            _wait(pause)
            if failure.unknown and (found := find()):
                return found
        assert failure is not None  # noqa: S101 (there are pauses)
        raise failure

    def call(
        self,
        operation: str,
        parameters: Mapping[str, Any],
        pauses: tuple[float, ...] | None = None,
    ) -> Answer:
        """Make a call that may be made twice."""
        for pause in (*(self.pauses if pauses is None else pauses), None):
            try:
                answer: Answer = getattr(self.client, operation)(**parameters)
            except Exception as error:
                failure = _known(error)
                if pause is None or not failure.retryable:
                    raise failure from error
            else:
                return answer
            _wait(pause)
        raise AssertionError  # pragma: no cover (the last try returns or raises)


def _wait(pause: float) -> None:
    time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 (so that not all come at once)


def _known(error: Exception) -> ServiceError:
    """Tell what a failure of botocore's means; what is not botocore's is raised again."""
    from botocore import exceptions

    if isinstance(error, ServiceError):
        return error
    if isinstance(error, exceptions.ClientError):
        return _answered(error)
    if isinstance(error, exceptions.ParamValidationError):
        return ServiceError(str(error), code="bad_settings", retryable=False)
    name = type(error).__name__
    if isinstance(error, (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError)):
        return ServiceError(str(error), code=name, retryable=True)
    if isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError)):
        return ServiceError(str(error), code=name, retryable=True, unknown=True)
    if isinstance(error, exceptions.BotoCoreError):  # No region, no credentials.
        return ServiceError(str(error), code=name, retryable=False)
    raise error


def _answered(error: Any) -> ServiceError:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = str(error.response.get("Error", {}).get("Code") or status)
    if code in _THROTTLED or status == 429:
        return ServiceError(str(error), code=code, retryable=True)
    if status >= 500:
        return ServiceError(str(error), code=code, retryable=True, unknown=True)
    # A conflict on creation: the same request is being worked on.
    return ServiceError(
        str(error), code=code, retryable=False, unknown=code == "ConflictException"
    )
