"""The output of ``media_import`` about links in texts, and about files of other packages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, OutputWrapper
from django.template.defaultfilters import filesizeformat

from shift_media.importing.leftovers import LeftoverRun
from shift_media.importing.rewrite import RewriteRun
from shift_media.management.base import counted
from shift_media.management.import_output import printable


def write_rewritten(
    out: OutputWrapper, err: OutputWrapper, label: str, run: RewriteRun, *, dry_run: bool
) -> None:
    """Rewrite texts, and write the links of each row as a diff."""
    rows = links = left = 0
    for row in run.outcomes():
        out.write(f"--- {label} {row.pk}")
        for link in row.links:
            out.write(printable(f"-{link.before}"))
            out.write(printable(f"+{link.after}"))
        if row.problem:
            left += 1
            err.write(f"{row.pk}: {row.problem}")
        else:
            rows += 1
            links += len(row.links)
    done = "to be rewritten" if dry_run else "rewritten"
    out.write(f"{counted(rows, 'text')}: {counted(links, 'link')} {done}.")
    if left:
        raise CommandError(f"{counted(left, 'text')} left as it was.", returncode=1)


def write_leftovers(
    out: OutputWrapper, err: OutputWrapper, run: LeftoverRun, options: Mapping[str, Any]
) -> None:
    """List the files of other packages by package, and delete them if the options say so."""
    numbers: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    deletes = options["delete"] and not options["dry_run"]
    failed = 0
    for leftover in list(run.find()):
        if options["verbosity"] > 1:
            out.write(printable(f"{leftover.package}: {leftover.name}"))
        problem = run.delete(leftover) if deletes else ""
        if problem:
            failed += 1
            err.write(printable(f"{leftover.name}: {problem}"))
        else:
            numbers[leftover.package] += 1
            sizes[leftover.package] += leftover.size
    for package, number in sorted(numbers.items()):
        size = filesizeformat(sizes[package]).replace("\xa0", " ")
        out.write(f"{package}: {counted(number, 'file')}, {size}.")
    if not numbers and not failed:
        out.write("No thumbnails of other packages were found.")
    elif deletes:
        out.write(f"{counted(numbers.total(), 'file')} deleted.")
    else:
        out.write("Add --delete to delete them. No row of a file field has one of these names.")
    if failed:
        raise CommandError(f"{counted(failed, 'file')} could not be deleted.", returncode=1)
