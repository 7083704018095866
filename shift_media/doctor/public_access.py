"""What anybody sees: the public URL, what can be read there, and what must not be."""

from __future__ import annotations

from collections.abc import Iterator

from shift_media.doctor.bucket import as_bucket, endpoint
from shift_media.doctor.client import Answer, Unreachable, origin
from shift_media.doctor.deployment import NO_SITE, Deployment
from shift_media.doctor.findings import Finding, error, ok, skipped, warning
from shift_media.doctor.probe import STORED
from shift_media.storages import S3MediaStorage

_CLOUDFRONT = "python manage.py media_bucket print cloudfront"
_LISTINGS = ("?list-type=2&max-keys=1", "?versions&max-keys=1", "?uploads&max-uploads=1")
_MARKS = (b"<ListBucketResult", b"<ListVersionsResult", b"<ListMultipartUploadsResult")


def check_public(setup: Deployment) -> Iterator[Finding]:
    """Read a stored resize as a stranger, and try what no stranger may."""
    yield _scheme(setup)
    if not setup.public_url:
        yield skipped("public-read", NO_SITE)
        return
    yield from _read_resize(setup)
    if setup.storage.originals == "private":
        yield from _private_original(setup)
    if bucket := as_bucket(setup.storage):
        yield _listing(setup, bucket)
        yield _writing(setup, bucket)


def _scheme(setup: Deployment) -> Finding:
    if not setup.public_url:
        return skipped("public-url", NO_SITE)
    site, public = setup.app_url, setup.public_url
    if site.startswith("https:") and public.startswith("http:"):
        return error(
            "public-url",
            f"{origin(public)} is http, and the site {origin(site)} is https.",
            'Put a CDN with https before the bucket and set "public_url" in STORAGES to its '
            "address: a website endpoint has no https of its own.",
            _CLOUDFRONT,
        )
    known = f", as the site's {origin(site)}" if site else "; the site's address is not known"
    return ok("public-url", f"{origin(public)}{known}.")


# Reading a resize that is stored, and that nobody has asked for before.


def _read_resize(setup: Deployment) -> Iterator[Finding]:
    resize = setup.probe.resize(STORED)
    wanted = setup.probe.make(resize)
    journey = setup.client.follow(setup.public(resize.url))
    if not journey.hops:
        yield error("public-read", journey.detail, _MEND_URL)
        return
    first = journey.hops[0]
    if first.status == 200 and first.body == wanted:
        yield ok("public-read", f"A stored resize: {first}, {len(wanted)} bytes as stored.")
        yield _headers(first)
    elif first.is_redirect:
        seen = f"A resize that is stored was not given to a stranger: {journey}."
        yield _unreadable(setup, f"{seen} {_private(setup)}".strip())
    else:
        yield _refused(setup, first)


_MEND_URL = 'Check "public_url" in STORAGES: its name, its port, and that it is up.'


def _private(setup: Deployment) -> str:
    if setup.website is None:
        return ""
    return "The bucket refuses it, and its rule sends every view on to the app."


def _unreadable(setup: Deployment, seen: str) -> Finding:
    if as_bucket(setup.storage) is None:
        return error("public-read", seen, _MEND_URL)
    mend = (
        "Let anybody read media (and nobody list them). Behind a CDN that reads a private bucket, "
        "mend the CDN instead."
    )
    return error("public-read", seen, mend, setup.apply_policy())


def _refused(setup: Deployment, answer: Answer) -> Finding:
    if answer.status == 200:
        kind = answer.header("Content-Type")
        seen = f"{answer} with {len(answer.body)} bytes of {kind}, not the resize that is stored."
        return error("public-read", seen, _MEND_URL)
    if answer.status == 403:
        seen = f"{answer} for a resize that is stored: strangers may not read it."
        return _unreadable(setup, seen)
    if setup.website and setup.website.state == "absent":
        seen = f"{answer} for a resize that is stored: {setup.website}, so it serves nothing."
        return error("public-read", seen, run=setup.apply("--website", "--policy"))
    return error("public-read", f"{answer} for a resize that is stored.", _MEND_URL)


def _headers(answer: Answer) -> Finding:
    kind, kept = answer.header("Content-Type"), answer.header("Cache-Control")
    if kind == "image/jpeg" and "immutable" in kept:
        return ok("public-headers", f"{kind}; Cache-Control: {kept}.")
    seen = f"Content-Type: {kind or 'none'}; Cache-Control: {kept or 'none'}."
    mend = "Let the CDN or proxy pass the headers of the object on as they are."
    return warning("public-headers", seen, mend)


# What no stranger may.


def _private_original(setup: Deployment) -> Iterator[Finding]:
    original, storage = str(setup.probe.original), setup.storage
    try:
        bare = setup.client.follow(setup.public(storage.derived_url(original)))
        direct = as_bucket(storage)
        api = setup.client.ask(f"{endpoint(direct)}{original}") if direct else None
        signed = setup.client.ask(setup.public(storage.url(original)))
    except Unreachable as problem:
        yield error("private-originals", str(problem), _MEND_URL)
        return
    if not bare.hops:
        yield error("private-originals", bare.detail, _MEND_URL)
        return
    content = setup.probe.content
    if any(answer.body == content for answer in (*bare.hops, api) if answer is not None):
        seen = "A stranger got the original without a signature."
        mend = "Take what lets everybody read all objects out of the bucket's policy and ACLs."
        yield error("private-originals", seen, mend, setup.apply("--policy"))
    elif signed.body != content:
        seen = f"The signed URL of an original: {signed}, not its bytes."
        yield error("private-originals", seen, "Check the clock, and the region in STORAGES.")
    else:
        yield ok("private-originals", f"Strangers get {bare.last.status}, a signed URL the bytes.")


def _listing(setup: Deployment, bucket: S3MediaStorage) -> Finding:
    places = dict.fromkeys((endpoint(bucket), setup.public_url))
    try:
        answers = [setup.client.ask(place + query) for place in places for query in _LISTINGS]
    except Unreachable as problem:
        return skipped("anonymous-listing", str(problem))
    for answer in answers:
        if answer.status == 200 and any(mark in answer.body for mark in _MARKS):
            return error(
                "anonymous-listing",
                f"{answer} to a stranger who listed the bucket.",
                _mend_strangers("s3:ListBucket", "reading"),
                _show_policy(bucket),
            )
    seen = ", ".join(sorted({str(answer.status) for answer in answers}))
    return ok("anonymous-listing", f"Strangers who try to list the bucket get {seen}.")


def _writing(setup: Deployment, bucket: S3MediaStorage) -> Finding:
    url = endpoint(bucket) + setup.probe.key("_doctor/stranger.jpg")
    try:
        answer = setup.client.ask(url, "PUT", body=b"")
    except Unreachable as problem:
        return skipped("anonymous-writing", str(problem))
    if answer.status == 200:
        return error(
            "anonymous-writing",
            "A stranger wrote to the bucket.",
            _mend_strangers("s3:PutObject", "writing"),
            _show_policy(bucket),
        )
    return ok("anonymous-writing", f"Strangers who try to write get {answer.status}.")


def _mend_strangers(action: str, verb: str) -> str:
    return (
        f'Take {action} for "Principal": "*" out of the bucket\'s policy, and ACLs that allow '
        f"everybody {verb} off the bucket. media_bucket never removes a statement that it did not "
        "make; this shows them:"
    )


def _show_policy(bucket: S3MediaStorage) -> str:
    return f"aws s3api get-bucket-policy --bucket {bucket.bucket_name}"
