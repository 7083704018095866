"""Operations for the migrations of a site: ``ImportMedia("photo", "image")``."""

from __future__ import annotations

import logging
from typing import Any, Final, cast

from django.db import NotSupportedError, connections
from django.db.migrations.operations.base import Operation

from shift_media.core.errors import MediaError
from shift_media.importing.models import ImportedFile
from shift_media.importing.outcomes import OutcomeCounts, RowOutcome
from shift_media.importing.plan import ImportPlan
from shift_media.importing.run import DEFAULT_WORKERS, ImportOptions, ImportRun
from shift_media.importing.undo import UndoRun
from shift_media.registry import find_field, is_media_field

logger = logging.getLogger("shift_media")

DEPENDENCY: Final = ("shift_media", "0004_imported_files")
"""The migration that makes the table of imports, for ``dependencies`` of a site's migration."""


class ImportMedia(Operation):
    """An import of files with old names in a migration, which ``media_import`` does otherwise.

    .. code-block:: python

        class Migration(migrations.Migration):
            atomic = False
            dependencies = [("gallery", "0007_photo_image"), operations.DEPENDENCY]
            operations = [operations.ImportMedia("photo", "image")]

    A row whose file cannot be imported keeps its old name, and is logged with a code. If the
    storage fails, the migration fails: run ``migrate`` again, and it goes on. Backwards, old names
    are put back. A database without such rows is left alone. Functions in ``rules`` are no part
    of migrations: those that the field of the model has today are called, with the row of the
    migration, which has columns but no methods.

    Args:
        model_name: the model.
        name: its media field.
        from_field: the field with the old names, if it is another one.
        workers: threads that copy.
    """

    atomic = False
    reduces_to_sql = False
    reversible = True

    def __init__(
        self,
        model_name: str,
        name: str,
        from_field: str | None = None,
        workers: int = DEFAULT_WORKERS,
    ) -> None:
        self.model_name = model_name
        self.name = name
        self.from_field = from_field
        self.workers = workers

    def deconstruct(self) -> Any:
        """Return the arguments that differ from the defaults."""
        kwargs: dict[str, Any] = {"model_name": self.model_name, "name": self.name}
        if self.from_field is not None:
            kwargs["from_field"] = self.from_field
        if self.workers != DEFAULT_WORKERS:
            kwargs["workers"] = self.workers
        return type(self).__name__, [], kwargs

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Change nothing: an import changes no model."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Import the files of all rows."""
        plan = self._plan(app_label, schema_editor, to_state)
        if plan is None or not any(plan.pages()):
            return
        self._require_table(plan)
        run = ImportRun(plan, ImportOptions(workers=self.workers))
        counts = _log(run.outcomes())
        logger.info("%s: %d files imported.", plan.field, counts.done)
        if run.gave_up:
            raise MediaError(
                f"The storage failed for many rows of {plan.field} in a row. Run the migration "
                "again: it goes on where it ended."
            )

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Put old names back, unless old files were deleted."""
        plan = self._plan(app_label, schema_editor, from_state)
        if plan is None:
            return
        self._require_table(plan)
        counts = _log(UndoRun(plan).outcomes())
        logger.info("%s: %d imports undone.", plan.field, counts.done)

    def describe(self) -> str:
        """Return the line that ``migrate`` and ``showmigrations`` print."""
        return f"Import the files of {self.model_name}.{self.name}"

    @property
    def migration_name_fragment(self) -> str:
        """The operation's part of a migration's name."""
        return f"import_{self.model_name.lower()}_{self.name.lower()}"

    def _plan(self, app_label: str, schema_editor: Any, state: Any) -> ImportPlan | None:
        """Return the plan of the import; None in a database that has not got the table."""
        model = state.apps.get_model(app_label, self.model_name)
        using = schema_editor.connection.alias
        if not self.allow_migrate_model(using, model):
            return None
        if schema_editor.connection.in_atomic_block:
            raise NotSupportedError(
                "ImportMedia writes each row in a transaction of its own, so that it can go on "
                "after a failure. Write atomic = False in its migration."
            )
        plan = ImportPlan.make(model, self.name, self.from_field, using)
        today: Any = find_field(str(plan.field))
        if is_media_field(today):
            field: Any = plan.field
            field.rules = cast("Any", today).rules
        return plan

    def _require_table(self, plan: ImportPlan) -> None:
        alias = plan.table.db
        connection = connections[alias]
        with connection.cursor() as cursor:
            tables = connection.introspection.table_names(cursor)
        if ImportedFile._meta.db_table not in tables:
            raise NotSupportedError(
                f"The database {alias!r} has no table of imports. Add shift_media.operations."
                "DEPENDENCY to the dependencies of the migration."
            )


def _log(outcomes: Any) -> OutcomeCounts:
    counts = OutcomeCounts()
    outcome: RowOutcome
    for outcome in outcomes:
        counts.add(outcome)
        if outcome.code:
            logger.warning("Row %s was left alone: %s", outcome.row, outcome)
    return counts
