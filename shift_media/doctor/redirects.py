"""The way of a missing resize: from the public URL to the app and back, to a picture."""

from __future__ import annotations

import io
from collections.abc import Iterator

from PIL import Image, UnidentifiedImageError

from shift_media.doctor.client import MOST_REDIRECTS, Answer, Journey, origin
from shift_media.doctor.deployment import NO_SITE, Deployment
from shift_media.doctor.findings import Finding, error, ok, skipped, warning
from shift_media.doctor.probe import MISSING
from shift_media.resizes.resize import Resize

PERMANENT = (301, 308)
_CLOUDFRONT = "python manage.py media_bucket print cloudfront"
_KEPT_BY = ("X-Cache", "Age", "CF-Cache-Status", "X-Cache-Status")
_SIGNATURE = (
    "Run the doctor with the site's own settings: the same SIGNING_KEYS (or SECRET_KEY), and the "
    "same bucket or folder in STORAGES."
)


def check_missing(setup: Deployment, *, readable: bool) -> Iterator[Finding]:
    """Ask for a resize that is missing, follow where that leads, and ask again.

    ``readable`` says whether strangers can read resizes that are stored.
    """
    if not setup.public_url:
        yield skipped("round-trip", NO_SITE)
        return
    resize = setup.probe.resize(MISSING)
    url = setup.public(resize.url)
    setup.probe.under_way = True
    journey = setup.client.follow(url)
    setup.probe.under_way = journey.ending != "answer"
    if not journey.hops:
        yield error("missing-redirect", journey.detail, _MEND_PUBLIC)
        return
    first = journey.hops[0]
    if first.is_redirect:
        yield from _redirected(setup, journey)
    elif first.status != 200:
        yield _not_redirected(setup, first)
        return
    yield from _ending(setup, journey, resize)
    if _is_picture(journey.last):
        yield from _again(setup, journey, resize, url, readable)


_MEND_PUBLIC = 'Check "public_url" in STORAGES: its name, its port, and that it is up.'


# The bucket's answer.


def _not_redirected(setup: Deployment, answer: Answer) -> Finding:
    """Explain an answer that leads nowhere."""
    if setup.answers_itself(answer.url):
        return _of_the_app(setup, answer)
    website = setup.website
    seen = f"{answer} for a resize that is missing, and no redirect to the app"
    if website is None or website.state == "unsupported":
        known = f": {website}" if website else ""
        return error("missing-redirect", f"{seen}{known}.", _MEND_OTHER)
    run = setup.apply("--website")
    lacks_403 = not website.catches("403") if website.state == "present" else True
    if answer.status == 403 and lacks_403 and website.rules:
        return error("missing-403", f"{seen}: {website}, none for 403.", run=run)
    if answer.status == 403 and website.state == "unreadable":
        return error("missing-403", f"{seen}; {website}.", run=run)
    if website.rules:
        seen += f", although {website}"
        return error("missing-redirect", f"{seen}.", _MEND_ENDPOINT, run)
    return error("missing-redirect", f"{seen}: {website}.", run=run)


_MEND_OTHER = (
    'Set "delivery": "content" and put nginx or a CDN before it that asks the app for what is '
    "missing (404 and 403)."
)
_MEND_ENDPOINT = (
    '"public_url" must be the website endpoint, or a CDN whose origin is it: the REST endpoint '
    "knows no rules. Then:"
)


def _redirected(setup: Deployment, journey: Journey) -> Iterator[Finding]:
    first = journey.hops[0]
    yield ok("missing-redirect", f"{first} to {origin(first.location)}.")
    if first.status in PERMANENT:
        seen = f"{first}, which browsers keep for ever."
        mend = "Browsers that have kept it need their caches cleared. For all others:"
        yield error("redirect-code", seen, mend, setup.apply("--website"))
    else:
        yield ok("redirect-code", f"{first}, which nobody keeps who is not told to.")
    yield _target(setup, first)


def _target(setup: Deployment, first: Answer) -> Finding:
    key = first.url.removeprefix(setup.public_url)
    run = setup.apply("--website")
    if not setup.app_url:
        return skipped("redirect-target", f"It leads to {origin(first.location)}. {NO_SITE}")
    wanted = f"{setup.app_url}{key}"
    if first.location == wanted:
        known = f"known from {setup.app_known_from}"
        return ok("redirect-target", f"It leads to {setup.app_url}, {known}.")
    seen = f"It leads to {first.location.removesuffix(key)}, and the app is at {setup.app_url}."
    if first.location == wanted.replace("https:", "http:", 1):
        return warning("redirect-target", f"{seen} One redirect more each time.", run=run)
    return error("redirect-target", seen, run=f"{run} --replace-rules")


# The end of the way.


def _ending(setup: Deployment, journey: Journey, resize: Resize) -> Iterator[Finding]:
    if journey.ending == "loop":
        yield _loop(journey)
    elif journey.ending == "elsewhere":
        seen = f"{journey}, and then elsewhere: {journey.detail}"
        yield error("redirect-target", seen, run=setup.apply("--website", "--replace-rules"))
    elif journey.ending == "silence":
        yield error("round-trip", f"{journey}, and then nothing: {journey.detail}", _MEND_SITE)
    elif not _is_picture(journey.last):
        yield _of_the_app(setup, journey.last)
    else:
        yield from _app_headers(setup, journey)
        size = f"{resize.spec.width}×{resize.spec.height}"
        yield ok("round-trip", f"A picture for {size}: {journey}.")


_MEND_SITE = "See what the site's own log says, and that its server is up at this address."


def _loop(journey: Journey) -> Finding:
    way = Journey(journey.hops[:3], "answer")
    return error(
        "redirect-loop",
        f"More than {MOST_REDIRECTS} redirects: {way} …{_kept(*reversed(journey.hops))}",
        "Behind CloudFront, give what comes from the website endpoint MinTTL 0 and DefaultTTL 0, "
        "or better use an origin group without redirects, and invalidate what it has kept. "
        "A redirect from http to https and back means that the site does not know that its proxy "
        "speaks https: set SECURE_PROXY_SSL_HEADER.",
        _CLOUDFRONT,
    )


def _of_the_app(setup: Deployment, answer: Answer) -> Finding:
    """Explain what the app answered in place of a picture or a redirect."""
    seen = f"{answer} for a resize that was signed here"
    if answer.status == 404 and b'"not_stored"' in answer.body:
        return error("app-signature", f"{seen}.", _SIGNATURE)
    if answer.status == 200:
        kind = answer.header("Content-Type")
        return error("round-trip", f"{seen}: {kind}, and no picture.", _MEND_SITE)
    if answer.status == 503:
        seen += ": the site is busy, or cannot reach its storage"
        mend = "Look for shift_media in the site's log; try again when it is less busy."
        return error("round-trip", f"{seen}.", mend)
    if not setup.answers_itself(answer.url):
        return error("round-trip", f"{answer} at the end of the way.", _MEND_SITE)
    return error("round-trip", f"{seen}.", _MEND_SITE)


def _app_headers(setup: Deployment, journey: Journey) -> Iterator[Finding]:
    for hop in journey.hops:
        if setup.answers_itself(hop.url):
            yield _headers(setup, hop)
            return


def _headers(setup: Deployment, hop: Answer) -> Finding:
    kept = hop.header("Cache-Control")
    faults = []
    if hop.is_redirect and hop.status != 302:
        faults.append(f"its redirect is {hop.status}, not 302")
    if hop.is_redirect and "no-store" not in kept:
        faults.append(f"its redirect has Cache-Control: {kept or 'none'}, not no-store")
    if hop.is_redirect and not hop.location.startswith(setup.public_url):
        faults.append(f"it leads to {origin(hop.location)}, not to public_url")
    if hop.header("Set-Cookie"):
        faults.append("it sets a cookie")
    if hop.header("X-Content-Type-Options") != "nosniff":
        faults.append("it has no X-Content-Type-Options: nosniff")
    if not faults:
        return ok("app-headers", f"{hop}, Cache-Control: {kept}, nosniff, no cookie.")
    mend = (
        "Look for a middleware or a proxy before the app that changes its answers; the view "
        "itself sends these headers."
    )
    return error("app-headers", f"{hop}: {'; '.join(faults)}.", mend)


# Asking again.


def _again(
    setup: Deployment, journey: Journey, resize: Resize, url: str, readable: bool
) -> Iterator[Finding]:
    """Ask for what is stored by now: once more, from the public URL alone."""
    if not journey.hops[0].is_redirect and setup.storage.delivery == "redirect":
        yield ok("redirect-cached", "There was no redirect to keep.")
        return
    if setup.storage.stat(resize.key) is None:
        mend = "See whether something deletes from the storage, and storage-write."
        yield error("round-trip", "The resize was shown, and is not stored.", mend)
        return
    if not readable:
        yield skipped("redirect-cached", "Strangers cannot read what is stored: see public-read.")
        return
    again = setup.client.follow(url)
    if again.hops and again.hops[0].status == 200:
        yield ok("redirect-cached", f"Once it is stored: {again}.")
        return
    seen = f"It is stored, and asked for again it is still redirected: {again}."
    seen += _kept(*again.hops[:1])
    yield error("redirect-cached", seen, _MEND_KEPT, _CLOUDFRONT)


_MEND_KEPT = (
    "Have the CDN keep no redirect: in CloudFront MinTTL 0 and DefaultTTL 0 for the website "
    "endpoint, or an origin group without redirects. Then invalidate what it has kept."
)


def _kept(*answers: Answer) -> str:
    """Quote the headers by which a cache tells of itself, of the first answer with any."""
    for answer in answers:
        told = [f"{name}: {answer.header(name)}" for name in _KEPT_BY if answer.header(name)]
        if told:
            return f" It came with {', '.join(told)}."
    return ""


def _is_picture(answer: Answer) -> bool:
    if answer.status != 200:
        return False
    try:
        with Image.open(io.BytesIO(answer.body)) as image:
            image.load()
    except (UnidentifiedImageError, OSError):
        return False
    return True
