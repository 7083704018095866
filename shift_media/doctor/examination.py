"""An examination: every check in order, each finding as it comes, and nothing left behind."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial

from shift_media.doctor import (
    app,
    cache,
    local_storage,
    pillow,
    public_access,
    redirects,
    signing_keys,
    storage,
    video,
)
from shift_media.doctor.client import Client, Elsewhere
from shift_media.doctor.deployment import Deployment
from shift_media.doctor.findings import Finding, Severity, error, ok, skipped
from shift_media.doctor.probe import ProbeImage
from shift_media.storages import MediaStorage

Check = Callable[[], Iterable[Finding]]

HERE: tuple[Check, ...] = (
    signing_keys.check_keys,
    cache.check_cache,
    pillow.check_pillow,
    video.check_videos,
)
"""What needs no storage."""


class Examination:
    """One storage, looked at once.

    Args:
        storage: the storage.
        alias: its alias in ``STORAGES``, empty for the site's media storage.
        site: the site's address, empty where the bucket's rule is to tell it.
        timeout: seconds for each answer over HTTP.

    Attributes:
        findings: those so far.
        probe: what it stores; its ``left`` is what could not be removed again.
    """

    def __init__(
        self, storage: MediaStorage, *, alias: str = "", site: str = "", timeout: float = 10.0
    ) -> None:
        self.storage, self.alias, self.site = storage, alias, site
        self.timeout = timeout
        self.findings: list[Finding] = []
        self.probe = ProbeImage(storage)

    def run(self) -> Generator[Finding]:
        """Look at everything; findings come while it goes on.

        The probe is removed when this ends, also where the caller closes it early.
        """
        for finding in self._run():
            self.findings.append(finding)
            yield finding

    def _run(self) -> Iterator[Finding]:
        for check in HERE:
            yield from _guarded(check)
        yield from _guarded(partial(local_storage.check_local, self.storage))
        with self.probe as probe:
            yield from self._examine(probe)
        yield _left_behind(probe)

    def _examine(self, probe: ProbeImage) -> Iterator[Finding]:
        setups: list[Deployment] = []
        client = Client(self.timeout)

        def prepare() -> Iterator[Finding]:
            setups.append(Deployment(self.alias, self.storage, probe, self.site, client))
            return iter(())

        yield from _guarded(prepare)
        if not setups:
            return
        (setup,) = setups
        yield from _guarded(partial(storage.check_storage, setup))
        yield from _guarded(partial(app.check_app, setup))
        if self._failed("storage-write"):
            for code in ("public-read", "round-trip"):
                yield skipped(code, "Nothing can be stored: see storage-write.")
        else:
            yield from _guarded(partial(public_access.check_public, setup))
            readable = not self._failed("public-read")
            yield from _guarded(partial(redirects.check_missing, setup, readable=readable))
        yield from _guarded(partial(app.check_cors, setup))

    def _failed(self, code: str) -> bool:
        return any(
            finding.code == code and finding.severity == Severity.ERROR
            for finding in self.findings
        )


def _guarded(check: Check) -> Iterator[Finding]:
    """Run a check; what it fails with is a finding too, and the others go on."""
    try:
        yield from check()
    except Elsewhere as problem:
        yield skipped("check-failed", str(problem))
    except Exception as problem:  # whatever it is, the other checks have something to say
        name = getattr(check, "func", check).__name__
        seen = f"{name}: {type(problem).__name__}: {problem}"
        yield error("check-failed", seen, "Mend what it says, or report it with this line.")


def _left_behind(probe: ProbeImage) -> Finding:
    if not probe.stored:
        return skipped("left-behind", "Nothing was stored, as far as is known.")
    if probe.left:
        mend = "Remove them. A day later this does it:"
        seen = f"Could not be removed: {', '.join(probe.left)}."
        return error("left-behind", seen, mend, "python manage.py media_cleanup")
    return ok("left-behind", f"Nothing: {probe.original.prefix} is empty again.")
