"""The ratios of crop boxes that the inputs of the admin offer."""

from __future__ import annotations

from shift_media.conf import settings
from shift_media.core.crops import ratio_names
from shift_media.fields.types import AnyMediaField


def ratios_of(field: AnyMediaField) -> dict[str, str]:
    """Return the ratios of the presets that ``fill`` cuts, each with the names of the presets.

    They are the presets of the field, or all presets if it names none.
    """
    ratios: dict[str, list[str]] = {}
    for name in field.presets or settings.PRESETS:
        options = settings.PRESETS.get(name, {})
        if options.get("mode") != "fill" or options.get("crop") or options.get("focal"):
            continue
        for ratio in ratio_names([options["size"]]):
            ratios.setdefault(ratio, []).append(name)
    return {ratio: ", ".join(names) for ratio, names in ratios.items()}
