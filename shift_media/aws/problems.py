"""Common problems of an S3 set-up: for each a sentence, and the next command.

Sources: "Error responses" in the Amazon S3 API reference, and botocore's exceptions. Exceptions
are recognised by the names of their classes, so that botocore need not be imported.
"""

from __future__ import annotations

from typing import Any, Final

_SHOW_KEYS = "Show which credentials are used with: aws configure list"
_SIGN_IN = "Sign in again with: aws sso login. Or renew AWS_SESSION_TOKEN."
_REGION = (
    "The bucket is in another region than the storage's region_name says. Show it with: aws s3api "
    "head-bucket --bucket NAME. Then set region_name in the OPTIONS of the storage."
)
_NO_CREDENTIALS = (
    "There are no AWS credentials. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
    f"AWS_SECRET_ACCESS_KEY, or give the server a role. {_SHOW_KEYS}"
)
_NO_SERVER = (
    "The server does not answer at this address. Check endpoint_url and region_name in the "
    "OPTIONS of the storage, and the network with: curl -I URL"
)
_EXPIRED = f"The temporary credentials have expired. {_SIGN_IN}"

CODES: Final = {
    "SignatureDoesNotMatch": "The secret key does not belong to the access key. Correct "
    f"AWS_SECRET_ACCESS_KEY, or secret_key in the OPTIONS of the storage. {_SHOW_KEYS}",
    "InvalidAccessKeyId": "The server does not know the access key: it is mistyped, deleted, or "
    f"one of another server. {_SHOW_KEYS}",
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "InvalidToken": f"The session token does not belong to the access key. {_SIGN_IN}",
    "TokenRefreshRequired": _EXPIRED,
    "RequestTimeTooSkewed": "The clock of this machine differs from that of the server by more "
    "than 15 minutes. Set it with: timedatectl set-ntp true",
    "PermanentRedirect": _REGION,
    "301": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "NoSuchBucket": "The bucket does not exist. Create it with: python manage.py media_bucket "
    "create",
    "BucketAlreadyExists": "The name is taken by another account, because bucket names are shared "
    "by all of S3. Choose another bucket_name.",
    "InvalidBucketName": "A bucket_name has 3 to 63 lower-case letters, digits, dots and dashes.",
}
"""The sentence for an error code of S3."""

EXCEPTIONS: Final = {
    "NoCredentialsError": _NO_CREDENTIALS,
    "PartialCredentialsError": "The AWS credentials are incomplete: the access key and the secret "
    f"key are needed. {_SHOW_KEYS}",
    "CredentialRetrievalError": f"The AWS credentials could not be read. {_SHOW_KEYS}",
    "ProfileNotFound": "There is no profile with this name. Show all with: aws configure "
    "list-profiles. Then set AWS_PROFILE.",
    "UnauthorizedSSOTokenError": _EXPIRED,
    "SSOTokenLoadError": _EXPIRED,
    "TokenRetrievalError": _EXPIRED,
    "NoRegionError": "The storage has no region. Set region_name in its OPTIONS.",
    "InvalidRegionError": 'Correct region_name in the OPTIONS of the storage: "eu-central-1".',
    "EndpointConnectionError": _NO_SERVER,
    "ConnectTimeoutError": _NO_SERVER,
    "ConnectionClosedError": _NO_SERVER,
    "SSLError": "The certificate of the server was not accepted. Check the host in endpoint_url, "
    "or set verify in the OPTIONS of the storage to the file of your certificate authority.",
}
"""The sentence for an exception of botocore."""


def explain(error: BaseException | None) -> str:
    """Return the sentence for an exception of botocore; ``""`` for another one."""
    if _is_endless(error):
        return _REGION
    response: Any = getattr(error, "response", None)
    if isinstance(response, dict):
        return CODES.get(str(response.get("Error", {}).get("Code", "")), "")
    return EXCEPTIONS.get(type(error).__name__, "")


def describe(error: BaseException) -> str:
    """Return what an exception of botocore says, in one sentence without a None in it.

    A server may leave out the message of an error, and the answer to a HEAD has none.
    """
    if _is_endless(error):
        return "the server redirects without naming a region"
    response: Any = getattr(error, "response", None)
    if not isinstance(response, dict):
        return str(error).rstrip(".")
    details = response.get("Error", {})
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", "")
    code, message = str(details.get("Code") or ""), str(details.get("Message") or "")
    seen = " ".join(dict.fromkeys(part for part in (str(status), code) if part))
    return f"{seen} ({message.rstrip('.')})" if message and message != code else seen


def _is_endless(error: BaseException | None) -> bool:
    """Return True if botocore has followed a redirect that does not name the region.

    It does so until Python's stack ends, and may wrap that error in one of its own.
    """
    return "maximum recursion depth" in str(error)
