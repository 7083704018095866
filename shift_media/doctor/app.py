"""The app as the site includes it: its view, its webhook, and CORS for the site's origin."""

from __future__ import annotations

from collections.abc import Iterator

from shift_media.conf import settings
from shift_media.doctor.bucket import as_bucket
from shift_media.doctor.client import Answer, Unreachable, origin
from shift_media.doctor.deployment import NO_SITE, Deployment
from shift_media.doctor.findings import Finding, error, ok, skipped, warning
from shift_media.storages import S3MediaStorage

_NO_KEY = "media-doctor"
"""What is no key, so that the view refuses it before it asks anybody."""


_NO_MESSAGE = b"media_doctor"


def check_app(setup: Deployment) -> Iterator[Finding]:
    """Ask the view for nothing, and the webhook for nothing."""
    if not setup.app_url:
        yield skipped("site", NO_SITE)
        yield skipped("webhook", NO_SITE)
        return
    yield _view(setup)
    yield _webhook(setup)


def check_cors(setup: Deployment) -> Iterator[Finding]:
    """Ask the bucket whether a page of the site may upload to it, as direct uploads do."""
    bucket = as_bucket(setup.storage)
    if bucket is None:
        yield skipped("cors", "Uploads to a local storage go through the site itself.")
    elif not setup.app_url:
        yield skipped("cors", NO_SITE)
    else:
        yield _preflight(setup, bucket, origin(setup.app_url))


def _view(setup: Deployment) -> Finding:
    url = f"{setup.app_url}{_NO_KEY}"
    try:
        answer = setup.client.ask(url)
    except Unreachable as problem:
        mend = "See that the site is up, and that this machine reaches it by this address."
        return error("site", str(problem), mend)
    kept = answer.header("Cache-Control")
    if answer.status == 404 and b'"not_stored"' in answer.body:
        if answer.header("Set-Cookie") or "no-store" not in kept:
            seen = f"The view answers, with Cache-Control: {kept or 'none'} or a cookie added."
            return error("site", seen, _MEND_MIDDLEWARE)
        known = f"known from {setup.app_known_from}"
        return ok("site", f"The view answers at {setup.app_url}, {known}.")
    return error("site", f"{answer} at {setup.app_url}, where the view is to be.", _hint(answer))


_MEND_MIDDLEWARE = "Look for a middleware or a proxy before the app that changes its answers."


def _hint(answer: Answer) -> str:
    if answer.is_redirect:
        return (
            f"It sends to {origin(answer.location)}: a middleware asks for a login, or for https. "
            "Give --site and the bucket's rule the address where the app itself answers."
        )
    if answer.status == 400:
        return "Add the site's host name to ALLOWED_HOSTS."
    if answer.status == 404:
        return (
            'Include it: path("media/", include("shift_media.urls")), before any pattern that '
            "catches everything; --site https://www.example.com/media/ says where it is."
        )
    return "See what the site's own log says."


def _webhook(setup: Deployment) -> Finding:
    if not settings.SNS_TOPICS:
        return skipped("webhook", 'SHIFT_MEDIA["SNS_TOPICS"] names no topic.')
    url = f"{setup.app_url}sns/"
    try:
        got = setup.client.ask(url)
        posted = setup.client.ask(url, "POST", {"Content-Type": "text/plain"}, _NO_MESSAGE)
    except Unreachable as problem:
        return error("webhook", str(problem), "See that the site is up, and reached from outside.")
    if (got.status, posted.status) != (405, 400) or b'"code"' not in posted.body:
        seen = f"{url}: GET {got.status}, POST of no message {posted.status}; 405 and 400 are due."
        mend = "Let POST through to the view: no login, no CSRF check, no redirect before it."
        return error("webhook", seen, mend)
    if not url.startswith("https:"):
        mend = "Serve the site by https, and subscribe that address to the topic."
        return warning("webhook", f"{url} answers as it should, without https.", mend)
    return ok("webhook", f"{url} refuses what is no message, as it should.")


def _preflight(setup: Deployment, bucket: S3MediaStorage, site: str) -> Finding:
    """Ask what a browser asks before it sends what was signed for it."""
    upload = bucket.presigned_upload(
        str(setup.probe.original), content_type="image/jpeg", size=1, sha256="0" * 64, seconds=60
    )
    if upload is None:
        return skipped("cors", "With signatures of version 2 there are no direct uploads.")
    url = upload.url.partition("?")[0]
    setup.client.allow(url, "the bucket's API")
    asked = {
        "Origin": site,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": ",".join(sorted(map(str.lower, upload.headers))),
    }
    try:
        answer = setup.client.ask(url, "OPTIONS", asked)
    except Unreachable as problem:
        return skipped("cors", str(problem))
    allowed = answer.header("Access-Control-Allow-Origin")
    methods = answer.header("Access-Control-Allow-Methods")
    if answer.status < 300 and allowed in ("*", site) and "PUT" in methods:
        return ok("cors", f"{site} may {methods}.")
    seen = f"A page of {site} may not PUT to {origin(url)}: {answer}."
    if answer.is_redirect:
        return warning("cors", seen, _REGION)
    run = setup.apply("--cors", "--upload-origin", site)
    return warning("cors", seen, "Where the site has direct uploads:", run)


_REGION = (
    "Browsers follow no redirect here. A bucket that is a few hours old answers under the name of "
    'its region alone: add "addressing_style": "virtual" to OPTIONS in STORAGES.'
)
