"""Writing, reading and listing, with the site's own credentials."""

from __future__ import annotations

from collections.abc import Iterator

from shift_media.core.errors import MediaError
from shift_media.doctor.bucket import as_bucket, is_there
from shift_media.doctor.deployment import Deployment
from shift_media.doctor.findings import Finding, error, ok, skipped, warning
from shift_media.doctor.probe import MISSING

_OTHER = "an altered copy, which must not be stored"


def check_storage(setup: Deployment) -> Iterator[Finding]:
    """Store the probe, read it back, store it again and list it."""
    probe, bucket = setup.probe, as_bucket(setup.storage)
    if bucket is not None and not is_there(bucket):
        yield _not_written(setup, f"There is no bucket {bucket.bucket_name}.")
        return
    try:
        stored = probe.put(str(probe.original), probe.draw())
        with setup.storage.fetch(str(probe.original)) as source:
            read = source.read()
    except (MediaError, OSError) as problem:
        yield _not_written(setup, f"The probe was not stored: {problem}")
        return
    if not stored or read != probe.content:
        seen = f"{len(probe.content)} bytes were written, and {len(read)} others came back."
        yield _not_written(setup, seen)
        return
    yield ok("storage-write", f"{len(read)} bytes written and read back.")
    yield _written_once(setup)
    yield _listed(setup)
    if bucket is not None:
        yield _said_of_missing(setup, bucket.bucket_name)


def _not_written(setup: Deployment, seen: str) -> Finding:
    if as_bucket(setup.storage) is None:
        return error("storage-write", seen, "See local-folder.")
    mend = (
        "Check bucket_name, endpoint_url and the access key in STORAGES, and that its user may "
        "s3:GetObject, s3:PutObject and s3:DeleteObject in the bucket. A bucket that is not there "
        "is made by:"
    )
    return error("storage-write", seen, mend, setup.command("media_bucket create"))


def _written_once(setup: Deployment) -> Finding:
    key = str(setup.probe.original)
    try:
        again = setup.probe.put(key, _OTHER.encode())
    except MediaError as problem:
        seen = f"A second write of the same key failed: {problem}"
        return error("conditional-put", seen, _MEND_CONDITION)
    if again:
        setup.storage.delete(key)
        setup.probe.put(key, setup.probe.content)
        seen = "A second write of the same key overwrote the first: If-None-Match was ignored."
        return error("conditional-put", seen, _MEND_CONDITION)
    return ok("conditional-put", "A second write of the same key was refused.")


_MEND_CONDITION = (
    "Use a server that heeds If-None-Match on PutObject, as AWS does since 2024, Ceph since 16 "
    "and SeaweedFS since 3.8."
)


def _listed(setup: Deployment) -> Finding:
    prefix = setup.probe.original.prefix
    try:
        keys = [entry.key for entry in setup.storage.entries(prefix)]
    except MediaError as problem:
        return error("storage-list", f"Listing {prefix} failed: {problem}", _MEND_LIST, _IAM)
    if keys != [str(setup.probe.original)]:
        seen = f"Below {prefix} there is {keys}, not the probe."
        return error("storage-list", seen, _MEND_LIST, _IAM)
    return ok("storage-list", "The probe, and nothing else, is listed below its prefix.")


_MEND_LIST = "Give the site's own user s3:ListBucket on the bucket (and nobody else):"
_IAM = "python manage.py media_bucket print iam-policy"


def _said_of_missing(setup: Deployment, name: str) -> Finding:
    bucket = as_bucket(setup.storage)
    assert bucket is not None  # noqa: S101 (it was asked before)
    client = bucket.client
    try:
        client.head_object(Bucket=name, Key=setup.probe.resize(MISSING).key)
    except client.exceptions.ClientError as problem:
        status = problem.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == 404:
            return ok("missing-key", "404 to the site's own user.")
        seen = f"{status} to the site's own user, who may not list the bucket."
        return warning("missing-key", seen, _MEND_LIST, _IAM)
    except Exception as problem:  # botocore's, which this module does not import
        return skipped("missing-key", f"It could not be asked: {type(problem).__name__}.")
    return error("missing-key", "A key that was never written is there.", _MEND_CONDITION)
