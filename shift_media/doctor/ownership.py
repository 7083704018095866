"""The site that a storage belongs to."""

from __future__ import annotations

from collections.abc import Iterator

from shift_media.conf import settings
from shift_media.core.errors import MediaError
from shift_media.deletion.site_marker import ForeignStorage, check_site
from shift_media.doctor.bucket import as_bucket
from shift_media.doctor.deployment import Deployment
from shift_media.doctor.findings import Finding, error, ok, skipped, warning


def check_owner(deployment: Deployment) -> Iterator[Finding]:
    """Compare the marker in the storage with the name of this site."""
    try:
        unclaimed = check_site(deployment.storage)
    except ForeignStorage as problem:
        yield error("site-marker", str(problem), "Use another bucket, or correct the name.")
    except MediaError as problem:
        yield skipped("site-marker", f"The marker could not be read: {problem}")
    else:
        if not unclaimed:
            yield ok("site-marker", f"The storage belongs to this site, {settings.SITE}.")
        elif as_bucket(deployment.storage) is None:
            yield ok("site-marker", "No site has claimed this folder.")
        else:
            run = deployment.command("media_bucket claim")
            name = "" if settings.SITE else 'Set SHIFT_MEDIA["SITE"] in the settings, then:'
            yield warning("site-marker", "No site has claimed this bucket.", name, run)
