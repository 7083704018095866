"""The versions that a bucket keeps of what the site deletes."""

from __future__ import annotations

from collections.abc import Iterator

from shift_media.doctor.bucket import as_bucket, read_versions
from shift_media.doctor.deployment import Deployment
from shift_media.doctor.findings import Finding, ok, skipped, warning

_FIX = "Keep the versions if they are your backup. This command removes them after 30 days:"


def check_versions(deployment: Deployment) -> Iterator[Finding]:
    """Check that deleted files do not stay as versions for ever.

    The site's own user may seldom read that; an administrator's may.
    """
    bucket = as_bucket(deployment.storage)
    if bucket is None:
        return
    versions = read_versions(bucket)
    if versions.detail:
        yield skipped("versioning", f"The bucket does not say: {versions.detail}.")
    elif not versions.status:
        yield ok("versioning", "The bucket keeps no versions of deleted files.")
    elif versions.are_removed:
        yield ok("versioning", "A lifecycle rule removes the versions of deleted files.")
    else:
        run = deployment.command("media_bucket apply", "--lifecycle", "--noncurrent-days 30")
        seen = f"Versioning is {versions.status.lower()}: deleted files stay as versions."
        yield warning("versioning", seen, _FIX, run)
