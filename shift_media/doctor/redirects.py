"""The way of a missing resize: from the public URL to the app and back, to an image."""

from __future__ import annotations

import io
from collections.abc import Iterator

from shift_media.core.errors import SourceError
from shift_media.doctor.client import MAX_REDIRECTS, RedirectChain, Response, origin
from shift_media.doctor.deployment import SITE_UNKNOWN, Deployment
from shift_media.doctor.findings import Finding, error, ok, skipped, warning
from shift_media.doctor.probe import MISSING_SIZE
from shift_media.imaging import engine
from shift_media.resizes.resize import Resize

PERMANENT_STATUSES = (301, 308)
_PRINT_CLOUDFRONT = "python manage.py media_bucket print cloudfront"
_CACHE_HEADERS = ("X-Cache", "Age", "CF-Cache-Status", "X-Cache-Status")


def check_missing(deployment: Deployment, *, readable: bool) -> Iterator[Finding]:
    """Request a resize that is missing, follow its redirects, and request it again.

    ``readable`` says whether anonymous clients can read stored resizes.
    """
    if not deployment.public_url:
        yield skipped("round-trip", SITE_UNKNOWN)
        return
    resize = deployment.probe.resize(MISSING_SIZE)
    url = deployment.absolute_url(resize.url)
    deployment.probe.in_progress = True
    chain = deployment.client.follow(url)
    # After a timeout the site may still be making the resize, which must be removed too.
    deployment.probe.in_progress = chain.ending != "response"
    if not chain.responses:
        yield error("missing-redirect", chain.detail, _FIX_PUBLIC_URL)
        return
    first = chain.responses[0]
    if first.is_redirect:
        yield from _check_redirect(deployment, first)
    elif first.status != 200:
        yield _no_redirect(deployment, first)
        return
    yield from _check_ending(deployment, chain, resize)
    if _is_image(chain.last):
        yield _check_again(deployment, chain, resize, url, readable)


_FIX_PUBLIC_URL = (
    'Check "public_url" in STORAGES: its host, its port, and that the server is running.'
)


# The bucket's response


def _no_redirect(deployment: Deployment, response: Response) -> Finding:
    """Explain a first response that is neither an image nor a redirect."""
    if deployment.is_app_url(response.url):
        return _explain_app(deployment, response)
    website = deployment.website
    seen = f"{response} for a resize that is missing, and no redirect to the app"
    if website is None or website.state == "unsupported":
        known = f": {website}" if website else ""
        return error("missing-redirect", f"{seen}{known}.", _FIX_WITHOUT_RULES)
    run = deployment.apply_command("--website")
    lacks_403 = not website.has_rule_for("403") if website.state == "present" else True
    if response.status == 403 and lacks_403 and website.rules:
        return error("missing-403", f"{seen}: {website}, none for 403.", run=run)
    if response.status == 403 and website.state == "unreadable":
        return error("missing-403", f"{seen}; {website}.", run=run)
    if website.rules:
        return error("missing-redirect", f"{seen}, although {website}.", _FIX_ENDPOINT, run)
    return error("missing-redirect", f"{seen}: {website}.", run=run)


_FIX_WITHOUT_RULES = (
    'Set "delivery": "content", and put nginx or a CDN in front that requests missing keys (404 '
    "and 403) from the app."
)
_FIX_ENDPOINT = (
    '"public_url" must be the website endpoint, or a CDN with that origin, because the REST '
    "endpoint has no rules. Then:"
)


def _check_redirect(deployment: Deployment, first: Response) -> Iterator[Finding]:
    yield ok("missing-redirect", f"{first} to {origin(first.location)}.")
    if first.status in PERMANENT_STATUSES:
        seen = f"{first}, which browsers cache for ever."
        fix = "Browsers that have cached it must clear their caches. For all others:"
        yield error("redirect-code", seen, fix, deployment.apply_command("--website"))
    else:
        yield ok("redirect-code", f"{first}, which is cached only where headers ask for it.")
    yield _check_target(deployment, first)


def _check_target(deployment: Deployment, first: Response) -> Finding:
    key = first.url.removeprefix(deployment.public_url)
    run = deployment.apply_command("--website")
    if not deployment.app_url:
        seen = f"It leads to {origin(first.location)}. {SITE_UNKNOWN}"
        return skipped("redirect-target", seen)
    expected = f"{deployment.app_url}{key}"
    if first.location == expected:
        source = f"known from {deployment.app_url_source}"
        return ok("redirect-target", f"It leads to {deployment.app_url}, {source}.")
    target = first.location.removesuffix(key)
    seen = f"It leads to {target}, but the app is at {deployment.app_url}."
    if first.location == expected.replace("https:", "http:", 1):
        return warning("redirect-target", f"{seen} Each view costs one more redirect.", run=run)
    return error("redirect-target", seen, run=f"{run} --replace-rules")


# The end of the redirects


def _check_ending(
    deployment: Deployment, chain: RedirectChain, resize: Resize
) -> Iterator[Finding]:
    if chain.ending == "loop":
        yield _loop(chain)
    elif chain.ending == "unknown server":
        seen = f"{chain}, and then to another server: {chain.detail}"
        run = deployment.apply_command("--website", "--replace-rules")
        yield error("redirect-target", seen, run=run)
    elif chain.ending == "unreachable":
        yield error("round-trip", f"{chain}, and then nothing: {chain.detail}", _FIX_SITE)
    elif not _is_image(chain.last):
        yield _explain_app(deployment, chain.last)
    else:
        for response in chain.responses:
            if deployment.is_app_url(response.url):
                yield _check_app_headers(deployment, response)
                break
        size = f"{resize.spec.width}×{resize.spec.height}"
        yield ok("round-trip", f"An image for {size}: {chain}.")


_FIX_SITE = "Look for the cause in the site's log, and check that it runs at this address."


def _loop(chain: RedirectChain) -> Finding:
    start = RedirectChain(chain.responses[:3], "response")
    return error(
        "redirect-loop",
        f"More than {MAX_REDIRECTS} redirects: {start} …{_cache_note(*reversed(chain.responses))}",
        "Behind CloudFront, set MinTTL 0 and DefaultTTL 0 for responses of the website endpoint, "
        "or better use an origin group without redirects, and invalidate what is cached. "
        "A redirect from http to https and back means that the site does not know that its proxy "
        "speaks https: set SECURE_PROXY_SSL_HEADER.",
        _PRINT_CLOUDFRONT,
    )


def _explain_app(deployment: Deployment, response: Response) -> Finding:
    """Explain a response at the end of the redirects that is not an image."""
    seen = f"{response} for a resize that was signed here"
    if response.status == 404 and b'"not_stored"' in response.body:
        return error("app-signature", f"{seen}.", _FIX_SIGNATURE)
    if response.status == 200:
        content_type = response.header("Content-Type")
        return error("round-trip", f"{seen}: {content_type}, which is not an image.", _FIX_SITE)
    if response.status == 503:
        seen += ": the site is busy, or cannot reach its storage"
        fix = "Look for shift_media in the site's log; try again when it is less busy."
        return error("round-trip", f"{seen}.", fix)
    if not deployment.is_app_url(response.url):
        return error("round-trip", f"{response} at the end of the redirects.", _FIX_SITE)
    return error("round-trip", f"{seen}.", _FIX_SITE)


_FIX_SIGNATURE = (
    "Run the doctor with the site's own settings: the same SIGNING_KEYS (or SECRET_KEY), and the "
    "same bucket or folder in STORAGES."
)


def _check_app_headers(deployment: Deployment, response: Response) -> Finding:
    caching = response.header("Cache-Control")
    faults = []
    if response.is_redirect and response.status != 302:
        faults.append(f"its redirect is {response.status}, not 302")
    if response.is_redirect and "no-store" not in caching:
        faults.append(f"its redirect has Cache-Control: {caching or 'none'}, not no-store")
    if response.is_redirect and not response.location.startswith(deployment.public_url):
        faults.append(f"it leads to {origin(response.location)}, not to public_url")
    if response.header("Set-Cookie"):
        faults.append("it sets a cookie")
    if response.header("X-Content-Type-Options") != "nosniff":
        faults.append("it has no X-Content-Type-Options: nosniff")
    if not faults:
        return ok("app-headers", f"{response}, Cache-Control: {caching}, nosniff, no cookie.")
    fix = (
        "Find the middleware or proxy in front of the app that changes its responses; the view "
        "itself sends these headers."
    )
    return error("app-headers", f"{response}: {'; '.join(faults)}.", fix)


# The second request


def _check_again(
    deployment: Deployment, chain: RedirectChain, resize: Resize, url: str, readable: bool
) -> Finding:
    """Request the resize once more, which is stored by now and must not be redirected."""
    if not chain.responses[0].is_redirect and deployment.storage.delivery == "redirect":
        return ok("redirect-cached", "There was no redirect to cache.")
    if deployment.storage.stat(resize.key) is None:
        fix = "Check whether something deletes from the storage, and see storage-write."
        return error("round-trip", "The resize was shown, but is not stored.", fix)
    if not readable:
        return skipped(
            "redirect-cached", "Stored resizes cannot be read anonymously: see public-read."
        )
    again = deployment.client.follow(url)
    if again.responses and again.responses[0].status == 200:
        return ok("redirect-cached", f"Once it is stored: {again}.")
    seen = f"It is stored, but a second request is still redirected: {again}."
    seen += _cache_note(*again.responses[:1])
    return error("redirect-cached", seen, _FIX_CACHED, _PRINT_CLOUDFRONT)


_FIX_CACHED = (
    "Configure the CDN to cache no redirect: in CloudFront set MinTTL 0 and DefaultTTL 0 for the "
    "website endpoint, or use an origin group without redirects. Then invalidate what is cached."
)


def _cache_note(*responses: Response) -> str:
    """Return a sentence with the headers of a cache, from the first response that has any."""
    for response in responses:
        headers = [
            f"{name}: {response.header(name)}" for name in _CACHE_HEADERS if response.header(name)
        ]
        if headers:
            return f" It came with {', '.join(headers)}."
    return ""


def _is_image(response: Response) -> bool:
    if response.status != 200:
        return False
    try:
        engine.open_picture(io.BytesIO(response.body))
    except SourceError:
        return False
    return True
