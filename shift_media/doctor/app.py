"""The app as the site includes it: its view, its webhook, and CORS for uploads from its pages."""

from __future__ import annotations

from collections.abc import Iterator

from shift_media.checks.storages import INVALID_KEY
from shift_media.conf import settings
from shift_media.doctor.bucket import as_bucket
from shift_media.doctor.client import Response, Unreachable, origin
from shift_media.doctor.deployment import SITE_UNKNOWN, Deployment
from shift_media.doctor.findings import Finding, error, ok, skipped, warning
from shift_media.storages import S3MediaStorage

_INVALID_MESSAGE = b"media_doctor"

_NOT_STORED = b'"not_stored"'
"""The error code in the body of the view's 404, which tells it from a 404 of another app."""


def check_app(deployment: Deployment) -> Iterator[Finding]:
    """Check that the view and the webhook answer invalid requests as they should."""
    if not deployment.app_url:
        yield skipped("site", SITE_UNKNOWN)
        yield skipped("webhook", SITE_UNKNOWN)
        return
    yield _check_view(deployment)
    yield _check_webhook(deployment)


def check_cors(deployment: Deployment) -> Iterator[Finding]:
    """Check that the bucket lets pages of the site upload directly."""
    bucket = as_bucket(deployment.storage)
    if bucket is None:
        yield skipped("cors", "Uploads to a local storage go through the site itself.")
    elif not deployment.app_url:
        yield skipped("cors", SITE_UNKNOWN)
    else:
        yield _check_preflight(deployment, bucket, origin(deployment.app_url))


def _check_view(deployment: Deployment) -> Finding:
    try:
        response = deployment.client.request(f"{deployment.app_url}{INVALID_KEY}")
    except Unreachable as problem:
        fix = "Check that the site is running, and that this machine can reach it at this address."
        return error("site", str(problem), fix)
    caching = response.header("Cache-Control")
    if response.status == 404 and _NOT_STORED in response.body:
        if response.header("Set-Cookie") or "no-store" not in caching:
            seen = f"The view answers, with Cache-Control: {caching or 'none'} or a cookie added."
            return error("site", seen, _FIX_MIDDLEWARE)
        source = f"known from {deployment.app_url_source}"
        return ok("site", f"The view answers at {deployment.app_url}, {source}.")
    seen = f"{response} at {deployment.app_url}, where the view should answer."
    return error("site", seen, _fix_view(response))


_FIX_MIDDLEWARE = "Find the middleware or proxy in front of the app that changes its responses."


def _fix_view(response: Response) -> str:
    if response.is_redirect:
        return (
            f"It redirects to {origin(response.location)}: a middleware requires a login, or "
            "https. Use the address where the app itself answers for --site and in the bucket's "
            "rule."
        )
    if response.status == 400:
        return "Add the site's host name to ALLOWED_HOSTS."
    if response.status == 404:
        return (
            'Include it: path("media/", include("shift_media.urls")), before any pattern that '
            "matches everything. If it is included elsewhere, add the path to --site: "
            "https://www.example.com/media/."
        )
    return "Look for the cause in the site's own log."


def _check_webhook(deployment: Deployment) -> Finding:
    if not settings.SNS_TOPICS:
        return skipped("webhook", 'SHIFT_MEDIA["SNS_TOPICS"] names no topic.')
    client, url = deployment.client, f"{deployment.app_url}sns/"
    try:
        get = client.request(url)
        post = client.request(url, "POST", {"Content-Type": "text/plain"}, _INVALID_MESSAGE)
    except Unreachable as problem:
        fix = "Check that the site is running, and that it can be reached from outside."
        return error("webhook", str(problem), fix)
    if (get.status, post.status) != (405, 400) or b'"code"' not in post.body:
        seen = (
            f"{url}: GET {get.status}, POST of an invalid message {post.status}; expected 405 and "
            "400."
        )
        fix = "Let POST requests reach the view: without login, CSRF check or redirect before it."
        return error("webhook", seen, fix)
    if not url.startswith("https:"):
        fix = "Serve the site by https, and subscribe that address to the topic."
        return warning("webhook", f"{url} answers correctly, but without https.", fix)
    return ok("webhook", f"{url} refuses an invalid message, as it should.")


def _check_preflight(deployment: Deployment, bucket: S3MediaStorage, site: str) -> Finding:
    """Send the request that a browser sends before a direct upload."""
    upload = bucket.presigned_upload(
        str(deployment.probe.original),
        content_type="image/jpeg",
        size=1,
        sha256="0" * 64,
        seconds=60,
    )
    if upload is None:
        return skipped("cors", "With signatures of version 2 there are no direct uploads.")
    url = upload.url.partition("?")[0]
    deployment.client.allow(url, "the bucket's API")
    sent = {*map(str.lower, upload.headers), "content-md5"}  # A part has its MD5.
    headers = {
        "Origin": site,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": ",".join(sorted(sent)),
    }
    try:
        response = deployment.client.request(url, "OPTIONS", headers)
    except Unreachable as problem:
        return skipped("cors", str(problem))
    allowed = response.header("Access-Control-Allow-Origin")
    methods = response.header("Access-Control-Allow-Methods")
    if response.status < 300 and allowed in ("*", site) and "PUT" in methods:
        return ok("cors", f"{site} may {methods}.")
    seen = f"A page of {site} may not PUT to {origin(url)}: {response}."
    if response.is_redirect:
        return warning("cors", seen, _FIX_REGION)
    run = deployment.apply_command("--cors", "--upload-origin", site)
    return warning("cors", seen, "If the site has direct uploads:", run)


_FIX_REGION = (
    "Browsers follow no redirect of a preflight request. A bucket that is a few hours old answers "
    'only under the name of its region: add "addressing_style": "virtual" to OPTIONS in STORAGES.'
)
