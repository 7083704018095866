"""Access to private files: with a signed URL to the bytes, without one to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from shift_media.core.errors import InvalidKey, MediaError
from shift_media.core.keys import OriginalKey, parse_key
from shift_media.doctor.bucket import as_bucket, object_url
from shift_media.doctor.client import RedirectChain, Response, Unreachable, origin
from shift_media.doctor.deployment import SITE_UNKNOWN, Deployment
from shift_media.doctor.findings import Finding, error, ok, skipped, warning
from shift_media.doctor.probe import MISSING_SIZE, STORED_SIZE
from shift_media.doctor.public_access import check_refusals, check_scheme
from shift_media.registry import all_media_fields
from shift_media.resizes.resize import Resize
from shift_media.storages import S3MediaStorage

_LOOKED_AT = 1000
"""Keys of one listing, among which an older file is looked for."""

_FIX_URL = (
    'Check "public_url" in STORAGES, which must be where shift_media.urls is included for this '
    "storage, and that the site runs with the same signing keys, storage and clock."
)
_FIX_OPEN = (
    "Remove what lets everybody read from the policy of the bucket, or the configuration by which "
    "a web server or a CDN sends these files itself. Empty its cache, too: what was public stays "
    "there for up to a year."
)
_FIX_OLD = (
    "A change of the options changes no object that is stored already. Give each of them the ACL "
    'private, for example with "aws s3api put-object-acl --acl private", and empty the cache of '
    "the CDN."
)
_FIX_HEADERS = (
    "Find the proxy or CDN in front of the app that changes its headers, and let it keep no "
    "response of this storage."
)


def check_private(deployment: Deployment) -> Iterator[Finding]:
    """Read a stored and a missing resize by their signed URLs, and try what must be refused."""
    yield check_scheme(deployment)
    if not deployment.public_url:
        yield skipped("private-derived", SITE_UNKNOWN)
        return
    if bucket := as_bucket(deployment.storage):
        url = bucket.presigned_url(str(deployment.probe.original), seconds=60)
        deployment.client.allow(url, "the bucket's API")
    yield from _check_stored(deployment, bucket)
    yield _check_missing(deployment)
    if bucket:
        yield _check_old_files(deployment, bucket)
    yield from check_refusals(deployment)


def _check_stored(deployment: Deployment, bucket: S3MediaStorage | None) -> Iterator[Finding]:
    resize = deployment.probe.resize(STORED_SIZE)
    expected = deployment.probe.store_resize(resize)
    chain = deployment.client.follow(deployment.absolute_url(resize.url))
    if not chain.responses or chain.last.body != expected:
        seen = f"The signed URL of a stored resize: {chain}, not its bytes. {chain.detail}".strip()
        yield error("private-derived", seen, _FIX_URL)
        return
    yield _check_unsigned(deployment, bucket, resize, expected)
    yield _check_headers(chain)
    if bucket and any(field.transcode for field in all_media_fields()):
        yield _check_cors(deployment, chain.last)


def _check_unsigned(
    deployment: Deployment, bucket: S3MediaStorage | None, resize: Resize, expected: bytes
) -> Finding:
    unsigned = [deployment.absolute_url(deployment.storage.plain_url(resize.key))]
    unsigned += [object_url(bucket, resize.key)] if bucket else []
    statuses = []
    for url in unsigned:
        chain = deployment.client.follow(url)
        if any(response.body == expected for response in chain.responses):
            seen = f"{chain.last.server} gave a resize to an anonymous client without a signature."
            run = deployment.apply_command("--policy") if bucket else ""
            return error("private-derived", seen, _FIX_OPEN, run)
        statuses += [str(chain.last.status)] if chain.responses else []
    seen = (
        f"Anonymous clients get {' and '.join(dict.fromkeys(statuses))}, a signed URL the bytes."
    )
    return ok("private-derived", seen)


def _check_headers(chain: RedirectChain) -> Finding:
    for response in chain.responses:
        caching = response.header("Cache-Control")
        is_private = "private" in caching or "no-store" in caching
        if not is_private or response.header("Access-Control-Allow-Origin") == "*":
            seen = f"{response}: Cache-Control: {caching or 'none'}, or it allows every origin."
            return error("private-headers", seen, _FIX_HEADERS)
    return ok("private-headers", f"Cache-Control: {chain.responses[0].header('Cache-Control')}.")


def _check_cors(deployment: Deployment, response: Response) -> Finding:
    site = origin(deployment.app_url or deployment.public_url)
    again = deployment.client.request(response.url, headers={"Origin": site})
    allowed = again.header("Access-Control-Allow-Origin")
    if origin(response.url) == site or allowed == site:
        return ok("media-cors", f"Pages of {site} may read what it serves.")
    seen = f"Pages of {site} may not play segments from {origin(response.url)}."
    if allowed == "*":
        seen = f"Pages of every site may read what {origin(response.url)} serves."
    run = deployment.apply_command("--cors", "--upload-origin", site)
    return warning("media-cors", seen, "For players that are scripts, such as hls.js:", run)


def _check_missing(deployment: Deployment) -> Finding:
    resize = deployment.probe.resize(MISSING_SIZE)
    deployment.probe.in_progress = True
    chain = deployment.client.follow(deployment.absolute_url(resize.url))
    deployment.probe.in_progress = chain.ending != "response"
    if not chain.responses or chain.last.status != 200:
        seen = f"The signed URL of a missing resize: {chain}. {chain.detail}".strip()
        return error("round-trip", seen, _FIX_URL)
    if deployment.storage.stat(resize.key) is None:
        return error(
            "round-trip", "The resize was shown, but is not stored.", "See storage-write."
        )
    return ok("round-trip", f"A missing resize: {chain}.")


def _check_old_files(deployment: Deployment, bucket: S3MediaStorage) -> Finding:
    """Ask anonymously for a file that was stored before, perhaps with a public ACL."""
    own = deployment.probe.original.prefix
    try:
        entries = list(islice(bucket.entries(), _LOOKED_AT))
    except MediaError as problem:
        return skipped("private-old-files", str(problem))
    keys = [one.key for one in entries if _is_derived(one.key) and not one.key.startswith(own)]
    if not keys:
        return skipped("private-old-files", "No resize or rendition is stored yet.")
    oldest = min(keys, key={one.key: one.modified for one in entries}.__getitem__)
    try:
        response = deployment.client.request(object_url(bucket, oldest), "HEAD")
    except Unreachable as problem:
        return skipped("private-old-files", str(problem))
    if response.status == 200:
        seen = "A file that was stored earlier can be read by everybody."
        return error("private-old-files", seen, _FIX_OLD)
    return ok("private-old-files", f"Anonymous clients get {response.status} for an older file.")


def _is_derived(key: str) -> bool:
    try:
        return not isinstance(parse_key(key), OriginalKey)
    except InvalidKey:
        return False
