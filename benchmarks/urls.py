"""The time of signing, of whole URLs, and of templates with a hundred of them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from django.core import signing
from django.db import connection
from django.template import Context, Template
from django.test.utils import CaptureQueriesContext

from benchmarks import peers, site
from benchmarks.measure import milliseconds, repeated
from benchmarks.report import Report
from shift_media.conf import settings
from shift_media.core.metadata import Metadata
from shift_media.fields import MediaField

KEY = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/photo.jpg"
PAYLOAD = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/400x300-fill-80-noupscale.jpg"
TIMES = 2_000
COUNT = 100
_KEY = b"k" * 32


def _hmac() -> str:
    message = b"shift_media/resize/1\0" + PAYLOAD.encode()
    return hmac.digest(_KEY, message, hashlib.sha256).hex()[:32]


def model() -> Any:
    """Return a model with a `MediaField`."""
    from django.db import models

    class Photo(models.Model):
        image = MediaField(metadata_field="image_meta")
        image_meta = models.JSONField(default=dict, editable=False)

        class Meta:
            app_label = "shift_media"

    return Photo


def photo(kind: Any, key: str = KEY) -> Any:
    """Return an unsaved object with an image of 12 megapixels."""
    metadata = Metadata(content_type="image/jpeg", size=1, width=4000, height=3000)
    return kind(image=key, image_meta=metadata.to_json(key))


def signing_and_urls(report: Report, kind: Any, rounds: int) -> None:
    """Measure signing against ``hmac`` alone and Django's signer."""
    ours, django_signer = settings.resize_signer, signing.Signer(key="k" * 32)
    one = photo(kind)
    calls: dict[str, Callable[[], object]] = {
        "shift_media Signer.sign": lambda: ours.sign(PAYLOAD),
        "hmac.digest": _hmac,
        "django Signer.sign": lambda: django_signer.sign(PAYLOAD),
        "image.resize(…).url": lambda: one.image.resize("400x300", mode="fill").url,
    }
    times = milliseconds({n: repeated(call, TIMES) for n, call in calls.items()}, rounds)
    report.table(
        "Signatures and URLs",
        {n: {"µs each": t * 1000 / TIMES, "k/s": TIMES / t} for n, t in times.items()},
    )
    sign = times["shift_media Signer.sign"]
    report.target("signing, against hmac.digest", times["hmac.digest"] / sign, 1.5)
    report.target("signing, against django's Signer", times["django Signer.sign"] / sign, 3)
    whole = times["image.resize(…).url"] / times["django Signer.sign"]
    report.target("a whole URL, against Signer.sign alone", whole, 1, at_least=False)


def templates(report: Report, kind: Any, content: bytes, rounds: int) -> None:
    """Measure templates with a hundred URLs of resizes that exist already."""
    names = []
    for index in range(COUNT):
        name = f"list-{index}.jpg"
        (site.MEDIA / name).write_bytes(content)
        names.append(name)
    keys = [KEY.replace("3c72aedc", f"{index:08x}") for index in range(COUNT)]
    ours = [photo(kind, key) for key in keys]
    versatile = [peers.versatile_photo(name) for name in names]
    loops: dict[str, tuple[str, str, list[Any]]] = {
        "bare {{ var }}": ("", "{{ p }}", names),
        "shift_media": (
            "{% load shift_media %}",
            '{% resize_url p.image "400x300" mode="fill" %}',
            ours,
        ),
        "versatileimagefield": ("", "{{ p.image.thumbnail.400x300 }}", versatile),
        "sorl-thumbnail": (
            "{% load sorl %}",
            '{% thumbnail p "400x300" crop="center" as i %}{{ i.url }}{% endthumbnail %}',
            names,
        ),
    }
    renders = {name: _render(*loop) for name, loop in loops.items()}
    renders["shift_media, rows just loaded"] = _just_loaded(ours, renders["shift_media"])
    times = milliseconds(renders, rounds)
    table = {n: {"ms": times[n], **_costs(render)} for n, render in renders.items()}
    report.table(f"A template of {COUNT} resize URLs", table)
    ours_ms = times["shift_media"]
    bare = ours_ms / times["bare {{ var }}"]
    report.target("100 resize_url, against a bare loop", bare, 2.5, at_least=False)
    loaded = times["shift_media, rows just loaded"] / times["bare {{ var }}"]
    report.target("100 resize_url of rows just loaded", loaded, 2.5, at_least=False)
    against = times["versatileimagefield"] / ours_ms
    report.target("100 resize_url, versatileimagefield against it", against, 3)
    report.target("100 resize_url, sorl against it", times["sorl-thumbnail"] / ours_ms, 8)
    for column in ("queries", "cache", "storage"):
        number = table["shift_media"][column]
        report.target(f"100 resize_url: {column} operations", number, 0, at_least=False)


def _render(load: str, tag: str, objects: list[Any]) -> Callable[[], str]:
    template = Template(f"{load}{{% for p in objects %}}{tag}\n{{% endfor %}}")
    context = Context({"objects": objects})
    return lambda: template.render(context)


def _just_loaded(rows: list[Any], render: Callable[[], str]) -> Callable[[], str]:
    """Return a rendering that builds each row's file, as a page that has just loaded its rows."""
    names = [str(row.image) for row in rows]

    def fresh() -> str:
        for row, name in zip(rows, names, strict=True):
            row.__dict__["image"] = name
        return render()

    return fresh


def _costs(render: Callable[[], str]) -> dict[str, float]:
    """Count the queries, cache operations and storage operations of one rendering."""
    cache_calls = site.CountingCache.calls
    cache_calls.clear()
    site.storage_calls.clear()
    with CaptureQueriesContext(connection) as queries:
        render()
    return {
        "queries": len(queries),
        "cache": sum(cache_calls.values()),
        "storage": sum(site.storage_calls.values()),
    }
