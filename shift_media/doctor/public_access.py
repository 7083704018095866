"""Public access: the public URL, and what anonymous clients can and must not be able to do."""

from __future__ import annotations

from collections.abc import Iterator

from shift_media.doctor.bucket import as_bucket, bucket_url, object_url
from shift_media.doctor.client import Response, Unreachable, origin
from shift_media.doctor.deployment import SITE_UNKNOWN, Deployment
from shift_media.doctor.findings import Finding, error, ok, skipped, warning
from shift_media.doctor.probe import STORED_SIZE
from shift_media.storages import S3MediaStorage

_PRINT_CLOUDFRONT = "python manage.py media_bucket print cloudfront"
_LISTING_QUERIES = ("?list-type=2&max-keys=1", "?versions&max-keys=1", "?uploads&max-uploads=1")
_LISTING_ROOTS = (b"<ListBucketResult", b"<ListVersionsResult", b"<ListMultipartUploadsResult")


def check_public(deployment: Deployment) -> Iterator[Finding]:
    """Read a stored resize without credentials, and try what must be refused."""
    yield check_scheme(deployment)
    if not deployment.public_url:
        yield skipped("public-read", SITE_UNKNOWN)
        return
    yield from _check_stored_resize(deployment)
    yield from check_refusals(deployment)


def check_refusals(deployment: Deployment) -> Iterator[Finding]:
    """Try what anonymous clients must not be able to do, wherever the storage is."""
    if deployment.storage.originals == "private":
        yield _check_private_original(deployment)
    if bucket := as_bucket(deployment.storage):
        yield _check_listing(deployment, bucket)
        yield _check_writing(deployment, bucket)


def check_scheme(deployment: Deployment) -> Finding:
    """Check that pages by https do not show media by http."""
    if not deployment.public_url:
        return skipped("public-url", SITE_UNKNOWN)
    site, public = deployment.app_url, deployment.public_url
    if site.startswith("https:") and public.startswith("http:"):
        return error(
            "public-url",
            f"{origin(public)} is http, and the site {origin(site)} is https.",
            'Put a CDN with https in front of the bucket and set "public_url" in STORAGES to its '
            "address, because a website endpoint has no https of its own.",
            _PRINT_CLOUDFRONT,
        )
    known = f", as the site's {origin(site)}" if site else "; the site's address is not known"
    return ok("public-url", f"{origin(public)}{known}.")


# Reading a stored resize, whose URL is new to every cache


def _check_stored_resize(deployment: Deployment) -> Iterator[Finding]:
    resize = deployment.probe.resize(STORED_SIZE)
    expected = deployment.probe.store_resize(resize)
    chain = deployment.client.follow(deployment.absolute_url(resize.url))
    if not chain.responses:
        yield error("public-read", chain.detail, _FIX_URL)
        return
    first = chain.responses[0]
    if first.status == 200 and first.body == expected:
        yield ok("public-read", f"A stored resize: {first}, {len(expected)} bytes as stored.")
        yield _check_headers(first)
    elif first.is_redirect:
        seen = f"A stored resize cannot be read anonymously: {chain}."
        if deployment.website is not None:
            seen += " The bucket refuses it, and its rule redirects every view to the app."
        yield _not_public(deployment, seen)
    else:
        yield _explain(deployment, first)


_FIX_URL = 'Check "public_url" in STORAGES: its host, its port, and that the server is running.'


def _not_public(deployment: Deployment, seen: str) -> Finding:
    if as_bucket(deployment.storage) is None:
        return error("public-read", seen, _FIX_URL)
    fix = (
        "Let everybody read media, but not list the bucket. If a CDN reads a private bucket, "
        "correct the CDN instead."
    )
    return error("public-read", seen, fix, deployment.apply_policy_command())


def _explain(deployment: Deployment, response: Response) -> Finding:
    if response.status == 200:
        content_type, size = response.header("Content-Type"), len(response.body)
        seen = f"{response} with {size} bytes of {content_type}, not the resize that is stored."
        return error("public-read", seen, _FIX_URL)
    if response.status == 403:
        seen = f"{response} for a stored resize: anonymous clients may not read it."
        return _not_public(deployment, seen)
    if deployment.website and deployment.website.state == "absent":
        seen = f"{response} for a stored resize: {deployment.website}, so it serves nothing."
        run = deployment.apply_command("--website", "--policy")
        return error("public-read", seen, run=run)
    return error("public-read", f"{response} for a stored resize.", _FIX_URL)


def _check_headers(response: Response) -> Finding:
    content_type, caching = response.header("Content-Type"), response.header("Cache-Control")
    if content_type == "image/jpeg" and "immutable" in caching:
        return ok("public-headers", f"{content_type}; Cache-Control: {caching}.")
    seen = f"Content-Type: {content_type or 'none'}; Cache-Control: {caching or 'none'}."
    fix = "Let the CDN or proxy pass on the headers of the object unchanged."
    return warning("public-headers", seen, fix)


# What anonymous clients must not be able to do


def _check_private_original(deployment: Deployment) -> Finding:
    original, storage = str(deployment.probe.original), deployment.storage
    client, bucket = deployment.client, as_bucket(storage)
    try:
        unsigned = client.follow(deployment.absolute_url(storage.plain_url(original)))
        api = [client.request(object_url(bucket, original))] if bucket else []
        signed = client.follow(deployment.absolute_url(storage.url(original)))
    except Unreachable as problem:
        return error("private-originals", str(problem), _FIX_URL)
    if not unsigned.responses:
        return error("private-originals", unsigned.detail, _FIX_URL)
    content = deployment.probe.content
    if any(response.body == content for response in (*unsigned.responses, *api)):
        seen = "An anonymous client got the original without a signature."
        fix = "Remove permissions to read all objects from the bucket's policy and ACLs."
        return error("private-originals", seen, fix, deployment.apply_command("--policy"))
    if not signed.responses or signed.last.body != content:
        seen = f"The signed URL of an original: {signed}, not its bytes."
        return error("private-originals", seen, "Check the clock, and the region in STORAGES.")
    seen = f"Anonymous clients get {unsigned.last.status}, a signed URL the bytes."
    return ok("private-originals", seen)


def _check_listing(deployment: Deployment, bucket: S3MediaStorage) -> Finding:
    urls = dict.fromkeys((bucket_url(bucket), deployment.public_url))
    try:
        responses = [
            deployment.client.request(url + query) for url in urls for query in _LISTING_QUERIES
        ]
    except Unreachable as problem:
        return skipped("anonymous-listing", str(problem))
    for response in responses:
        if response.status == 200 and any(root in response.body for root in _LISTING_ROOTS):
            return error(
                "anonymous-listing",
                f"{response} to an anonymous listing of the bucket.",
                _fix_policy("s3:ListBucket", "reading"),
                _show_policy(bucket),
            )
    seen = ", ".join(sorted({str(response.status) for response in responses}))
    return ok("anonymous-listing", f"Anonymous clients that list the bucket get {seen}.")


def _check_writing(deployment: Deployment, bucket: S3MediaStorage) -> Finding:
    url = object_url(bucket, deployment.probe.other_key("_doctor/anonymous.jpg"))
    try:
        response = deployment.client.request(url, "PUT", body=b"")
    except Unreachable as problem:
        return skipped("anonymous-writing", str(problem))
    if response.status == 200:
        return error(
            "anonymous-writing",
            "An anonymous client wrote to the bucket.",
            _fix_policy("s3:PutObject", "writing"),
            _show_policy(bucket),
        )
    return ok("anonymous-writing", f"Anonymous clients that try to write get {response.status}.")


def _fix_policy(action: str, verb: str) -> str:
    return (
        f'Remove {action} for "Principal": "*" from the bucket\'s policy, and ACLs that allow '
        f"everybody {verb} from the bucket. media_bucket never removes statements of other tools; "
        "this command shows them:"
    )


def _show_policy(bucket: S3MediaStorage) -> str:
    return f"aws s3api get-bucket-policy --bucket {bucket.bucket_name}"
