"""The part of ``media_cleanup`` that removes the resizes of presets, or lists what is stored."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser, OutputWrapper
from django.template.defaultfilters import filesizeformat

from shift_media.conf import ConfigurationError, settings
from shift_media.conf.presets import check_preset
from shift_media.conf.reader import suggest
from shift_media.deletion.preset_sweep import PresetSpecs, PresetSweep, count_specs
from shift_media.deletion.shards import SHARDS
from shift_media.deletion.sweep import ObjectCount
from shift_media.management.base import counted
from shift_media.management.progress import Progress
from shift_media.storages import MediaStorage

Definition = Mapping[str, Any]


def add_preset_arguments(parser: CommandParser) -> None:
    """Add the options about presets."""
    parser.add_argument(
        "--presets",
        nargs="+",
        default=[],
        metavar="PRESET",
        help="only remove the stored resizes of these presets, each a name in "
        'SHIFT_MEDIA["PRESETS"] or, for one that is not in the settings any more, its old line: '
        '\'{"size": "400x300", "mode": "fill"}\'. Those that another preset gives too are '
        "kept. A page that still has their URLs gets them made again",
    )
    parser.add_argument(
        "--list-resizes",
        action="store_true",
        help="only list the specs of the stored resizes with their number and size, and the "
        "presets that give them",
    )


def clean_presets(
    storage: MediaStorage, given: list[str], out: OutputWrapper, *, dry_run: bool
) -> None:
    """Remove the resizes of some presets and write a report; raise `CommandError`."""
    removed = {text: _definition(text) for text in given}
    kept = [options for name, options in settings.PRESETS.items() if name not in removed]
    title = "Counting" if dry_run else "Removing"
    with Progress(out, title, len(SHARDS)) as progress:
        sweep = PresetSweep(
            storage,
            removed.values(),
            kept=kept,
            dry_run=dry_run,
            on_progress=lambda done, count: progress.show(done, counted(count.objects, "resize")),
        )
        sweep.run()
    outcome = "would be removed" if dry_run else "removed"
    out.write(f"Resizes of {', '.join(removed)}: {_format(sweep.count)} {outcome}.")
    if sweep.shared.objects:
        out.write(f"Kept, because another preset gives them too: {_format(sweep.shared)}.")


def list_resizes(storage: MediaStorage, out: OutputWrapper) -> None:
    """Write the specs of all stored resizes, those that take the most room first."""
    with Progress(out, "Counting", len(SHARDS)) as progress:
        counts = count_specs(storage, progress.show)
    presets = {name: PresetSpecs([options]) for name, options in settings.PRESETS.items()}
    for spec, count in sorted(counts.items(), key=lambda item: -item[1].bytes):
        names = [name for name, specs in presets.items() if spec in specs]
        of = f" of {', '.join(names)}" if names else ""
        out.write(f"{spec}.{spec.format}{of}: {_format(count)}")
    if not counts:
        out.write("No resizes are stored.")


def _definition(text: str) -> Definition:
    """Return the options of a preset that is named, or written as in the settings."""
    if text in settings.PRESETS:
        return settings.PRESETS[text]
    if not text.lstrip().startswith("{"):
        near = suggest(text, settings.PRESETS)
        raise CommandError(
            f'--presets {text} is not in SHIFT_MEDIA["PRESETS"]{near} If it was removed from the '
            'settings, write its old line in its place: \'{"size": "400x300", "mode": "fill"}\'. '
            "--list-resizes shows what is stored."
        )
    try:
        options = ast.literal_eval(text)
        check_preset("old", options)
    except (ValueError, SyntaxError, ConfigurationError) as error:
        raise CommandError(
            f"--presets {text} is not the definition of a preset: {error}. Write it as in the "
            'settings: \'{"size": "400x300", "mode": "fill"}\'.'
        ) from error
    found: Definition = options
    return found


def _format(count: ObjectCount) -> str:
    size = filesizeformat(count.bytes).replace("\xa0", " ")
    return f"{count.objects} ({size})"
