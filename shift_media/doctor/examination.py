"""An examination of a storage: all checks in order, and the removal of what they stored."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial

from shift_media.doctor import (
    app,
    cache,
    legacy_names,
    local_storage,
    ownership,
    pillow,
    players,
    private_access,
    public_access,
    redirects,
    signing_keys,
    storage,
    versions,
    video,
)
from shift_media.doctor.client import HttpClient, UnknownServer
from shift_media.doctor.deployment import Deployment
from shift_media.doctor.findings import Finding, Severity, error, ok, skipped
from shift_media.doctor.probe import ProbeImage
from shift_media.storages import MediaStorage

Check = Callable[[], Iterable[Finding]]

HOST_CHECKS: tuple[Check, ...] = (
    signing_keys.check_keys,
    legacy_names.check_legacy_names,
    cache.check_cache,
    pillow.check_pillow,
    video.check_videos,
    players.check_encoders,
    video.check_workers,
)
"""The checks of this host and its settings, which need no storage."""


class Examination:
    """The examination of one storage; it runs once.

    Args:
        storage: The storage.
        alias: The storage's alias in ``STORAGES``; empty for the site's media storage.
        site: The site's address. If empty, the bucket's website rule is the source.
        timeout: Seconds for each response over HTTP.

    Attributes:
        findings: The findings so far.
        probe: The image that the checks store. Its ``remaining`` are keys that could not be
            removed.
    """

    def __init__(
        self, storage: MediaStorage, *, alias: str = "", site: str = "", timeout: float = 10.0
    ) -> None:
        self.storage, self.alias, self.site = storage, alias, site
        self.timeout = timeout
        self.findings: list[Finding] = []
        self.probe = ProbeImage(storage)

    def run(self) -> Generator[Finding]:
        """Run all checks, and yield each finding as it comes.

        The probe is removed at the end, also if the caller closes the generator early.
        """
        for finding in self._run():
            self.findings.append(finding)
            yield finding

    def _run(self) -> Iterator[Finding]:
        for check in HOST_CHECKS:
            yield from _run_check(check)
        yield from _run_check(partial(local_storage.check_local, self.storage))
        with self.probe as probe:
            yield from self._check_deployment(probe)
        yield _left_behind(probe)

    def _check_deployment(self, probe: ProbeImage) -> Iterator[Finding]:
        deployments: list[Deployment] = []
        client = HttpClient(self.timeout)

        # It may read the bucket's website, so its errors become findings as those of a check.
        def connect() -> Iterator[Finding]:
            deployments.append(Deployment(self.alias, self.storage, probe, self.site, client))
            return iter(())

        yield from _run_check(connect)
        if not deployments:
            return
        (deployment,) = deployments
        yield from _run_check(partial(storage.check_storage, deployment))
        yield from _run_check(partial(ownership.check_owner, deployment))
        yield from _run_check(partial(versions.check_versions, deployment))
        yield from _run_check(partial(app.check_app, deployment))
        if self._failed("storage-write"):
            for code in ("public-read", "round-trip"):
                yield skipped(code, "Nothing can be stored: see storage-write.")
        elif self.storage.derived == "private":
            yield from _run_check(partial(private_access.check_private, deployment))
        else:
            yield from _run_check(partial(public_access.check_public, deployment))
            readable = not self._failed("public-read")
            if readable:
                yield from _run_check(partial(players.check_players, deployment))
            yield from _run_check(partial(redirects.check_missing, deployment, readable=readable))
        yield from _run_check(partial(app.check_cors, deployment))

    def _failed(self, code: str) -> bool:
        return any(
            finding.code == code and finding.severity == Severity.ERROR
            for finding in self.findings
        )


def _run_check(check: Check) -> Iterator[Finding]:
    """Run a check; an unexpected error is a finding, so that the other checks still run."""
    try:
        yield from check()
    except UnknownServer as problem:
        yield skipped("check-failed", str(problem))
    except Exception as problem:  # of any library; the other checks do not depend on this one
        name = getattr(check, "func", check).__name__
        seen = f"{name}: {type(problem).__name__}: {problem}"
        yield error("check-failed", seen, "Fix the cause, or report this line as a bug.")


def _left_behind(probe: ProbeImage) -> Finding:
    if not probe.stored:
        return skipped("left-behind", "Nothing was stored, as far as is known.")
    if probe.remaining:
        fix = "Remove them. A day later this command does it:"
        seen = f"Could not be removed: {', '.join(probe.remaining)}."
        return error("left-behind", seen, fix, "python manage.py media_cleanup")
    return ok("left-behind", f"Nothing: {probe.original.prefix} is empty again.")
