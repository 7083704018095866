"""The storage: writing, reading and listing with the site's own credentials."""

from __future__ import annotations

from collections.abc import Iterator

from shift_media.aws.problems import explain
from shift_media.core.errors import MediaError
from shift_media.doctor.bucket import as_bucket, bucket_exists
from shift_media.doctor.deployment import Deployment
from shift_media.doctor.findings import Finding, error, ok, skipped, warning
from shift_media.doctor.probe import MISSING_SIZE
from shift_media.storages import S3MediaStorage

_OTHER_CONTENT = b"an altered copy, which must not be stored"


def check_storage(deployment: Deployment) -> Iterator[Finding]:
    """Store the probe, read it, store other bytes under its key, and list it."""
    probe, bucket = deployment.probe, as_bucket(deployment.storage)
    if bucket is not None and not bucket_exists(bucket):
        yield _write_failed(deployment, f"There is no bucket {bucket.bucket_name}.")
        return
    try:
        stored = probe.put(str(probe.original), probe.draw())
        with deployment.storage.fetch(str(probe.original)) as source:
            content = source.read()
    except (MediaError, OSError) as problem:
        explained = explain(problem.__cause__)
        seen = str(problem).removesuffix(explained).rstrip()
        yield _write_failed(deployment, f"The probe was not stored: {seen}", explained)
        return
    if not stored or content != probe.content:
        seen = f"{len(probe.content)} bytes were written, but {len(content)} others were read."
        yield _write_failed(deployment, seen)
        return
    yield ok("storage-write", f"{len(content)} bytes written and read back.")
    yield _check_second_write(deployment)
    yield _check_listing(deployment)
    if bucket is not None:
        yield _check_missing_key(deployment, bucket)


def _write_failed(deployment: Deployment, seen: str, explained: str = "") -> Finding:
    if as_bucket(deployment.storage) is None:
        return error("storage-write", seen, "See local-folder.")
    if explained:
        return error("storage-write", seen, explained)
    fix = (
        "Check bucket_name, endpoint_url and the access key in STORAGES, and that its user has "
        "s3:GetObject, s3:PutObject and s3:DeleteObject in the bucket. This command creates a "
        "bucket that does not exist:"
    )
    return error("storage-write", seen, fix, deployment.command("media_bucket create"))


def _check_second_write(deployment: Deployment) -> Finding:
    key = str(deployment.probe.original)
    try:
        written = deployment.probe.put(key, _OTHER_CONTENT)
    except MediaError as problem:
        seen = f"A second write of the same key failed: {problem}"
        return error("conditional-put", seen, _FIX_CONDITIONAL)
    if written:
        # The checks that follow need the probe's own bytes.
        deployment.storage.delete(key)
        deployment.probe.put(key, deployment.probe.content)
        seen = "A second write of the same key overwrote the first: If-None-Match was ignored."
        return error("conditional-put", seen, _FIX_CONDITIONAL)
    return _explain_refusal(as_bucket(deployment.storage))


def _explain_refusal(bucket: S3MediaStorage | None) -> Finding:
    """Say by what the second write was refused: the server's condition, or a look before it."""
    seen = "A second write of the same key was refused."
    if bucket is None or bucket.abilities.conditional_put:
        without = bucket is not None and not bucket.abilities.checksum_header
        more = " Checksum headers are left out, because the server refuses them."
        return ok("conditional-put", f"{seen}{more if without else ''}")
    if not bucket.wants_conditions:
        return ok("conditional-put", f"{seen} The key is looked for before each write.")
    seen += " The server refuses If-None-Match, so the key is looked for before each write."
    return warning("conditional-put", seen, _FIX_LOOK)


_FIX_LOOK = (
    'Write "conditional_put": False in the OPTIONS of the storage, so that no process asks first. '
    "Two hosts that write one key at the same moment may then both write it."
)
_FIX_CONDITIONAL = (
    "Use a server that supports If-None-Match on PutObject, as AWS does since 2024, Ceph since 16 "
    'and SeaweedFS since 3.8. Or write "conditional_put": False in the OPTIONS of an '
    "S3MediaStorage: it then looks for the key before each write."
)


def _check_listing(deployment: Deployment) -> Finding:
    prefix = deployment.probe.original.prefix
    try:
        keys = [entry.key for entry in deployment.storage.entries(prefix)]
    except MediaError as problem:
        return error("storage-list", f"Listing {prefix} failed: {problem}", _FIX_LIST, _RUN_LIST)
    if keys != [str(deployment.probe.original)]:
        seen = f"The listing of {prefix} has {keys}, not the probe."
        return error("storage-list", seen, _FIX_LIST, _RUN_LIST)
    return ok("storage-list", "The listing of the probe's prefix has the probe, and nothing else.")


_FIX_LIST = "Give only the site's own user s3:ListBucket on the bucket:"
_RUN_LIST = "python manage.py media_bucket print iam-policy"


def _check_missing_key(deployment: Deployment, bucket: S3MediaStorage) -> Finding:
    client, key = bucket.client, deployment.probe.resize(MISSING_SIZE).key
    try:
        client.head_object(Bucket=bucket.bucket_name, Key=bucket.bucket_key(key))
    except client.exceptions.ClientError as problem:
        status = problem.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == 404:
            return ok("missing-key", "404 to the site's own user.")
        seen = f"{status} to the site's own user, who may not list the bucket."
        if bucket.key_prefix and status == 403:  # The policy for a location has a condition.
            return ok("missing-key", f"{seen} It may list {bucket.key_prefix}.")
        return warning("missing-key", seen, _FIX_LIST, _RUN_LIST)
    except Exception as problem:  # botocore's other errors; this module does not import it
        seen = f"The request failed: {type(problem).__name__}."
        return skipped("missing-key", seen)
    return error("missing-key", "A key that was never written exists.", _FIX_CONDITIONAL)
