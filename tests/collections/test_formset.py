"""The formset of a collection: what it shows, what it refuses, and what it saves at once."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.datastructures import MultiValueDict

from shift_media.collections.forms import CollectionFormSet, collection_formset
from tests.fields.material import HTML, upload
from tests.resizes.counting import CountingStorage
from tests.testapp.models import Cover, Tour, Track, View

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

Views = collection_formset(Tour, View)


@pytest.fixture
def tour() -> Tour:
    return Tour.objects.create(title="Alps")


def add(tour: Tour, *titles: str, model: Any = View) -> list[Any]:
    return [model.of(tour).add([upload()], title=t, alt="A view")[0] for t in titles]


def posted(
    tour: Tour,
    *rows: dict[str, Any],
    kind: type[CollectionFormSet] = Views,
    new: list[Any] | None = None,
    alts: list[str] | None = None,
) -> CollectionFormSet:
    """Return the bound formset of a post with these rows and new files."""
    prefix = kind.get_default_prefix()
    data: MultiValueDict[str, Any] = MultiValueDict()
    data[f"{prefix}-TOTAL_FORMS"] = data[f"{prefix}-INITIAL_FORMS"] = len(rows)
    for index, row in enumerate(rows):
        for name, value in row.items():
            data[f"{prefix}-{index}-{name}"] = value
    data.setlist(f"{prefix}-new-alt", alts or [])
    return kind(data, MultiValueDict({f"{prefix}-new": new or []}), instance=tour)


def row(item: Any, **changed: Any) -> dict[str, Any]:
    return {"id": item.pk, "title": item.title, "alt": item.alt, "ORDER": item.position, **changed}


def titles(tour: Tour) -> list[str]:
    return list(View.of(tour).all().values_list("title", flat=True))


def test_items_are_ordered_changed_and_removed_and_files_are_added_by_one_save(tour: Tour) -> None:
    a, b, c = add(tour, *"abc")
    formset = posted(
        tour,
        row(a, ORDER=3),
        row(b, DELETE="on", ORDER=2),
        row(c, ORDER=1, title="C"),
        new=[upload(name="new.jpg")],
        alts=["A new one"],
    )
    assert formset.is_valid(), formset.errors
    formset.save()
    assert titles(tour) == ["C", "a", ""]
    assert View.of(tour).all().last().alt == "A new one"


def test_several_files_are_dropped_at_once_in_their_order(tour: Tour) -> None:
    files = [upload(name=f"{n}.jpg") for n in range(3)]
    formset = posted(tour, new=files, alts=["0", "1", "2"])
    assert formset.is_valid()
    formset.save()
    items = View.of(tour).all()
    assert [item.alt for item in items] == ["0", "1", "2"]
    assert [item.file.metadata.original_name for item in items] == ["0.jpg", "1.jpg", "2.jpg"]


def test_each_refused_file_is_named_and_nothing_is_saved(tour: Tour) -> None:
    files = [upload(name="good.jpg"), upload(HTML, "one.jpg"), upload(b"", "two.jpg")]
    formset = posted(tour, new=files, alts=["a", "b", "c"])
    assert not formset.is_valid()
    errors = formset.new_files.errors["new"]
    assert [error.partition(":")[0] for error in errors] == ["one.jpg", "two.jpg"]
    assert "one.jpg: The content of this file is HTML" in str(formset)
    assert titles(tour) == []


def test_new_file_without_a_required_description_is_refused(tour: Tour) -> None:
    formset = posted(tour, new=[upload(), upload()], alts=["A lake"])
    assert not formset.is_valid()
    assert "Describe the picture" in str(formset.non_form_errors())


@pytest.mark.parametrize(
    ("new", "removed", "right"), [(1, 0, True), (2, 0, False), (3, 2, True), (4, 2, False)]
)
def test_limit_counts_what_stays_and_what_comes(
    tour: Tour, new: int, removed: int, right: bool
) -> None:
    items = add(tour, *"abc")
    rows = [row(item, **({"DELETE": "on"} if i < removed else {})) for i, item in enumerate(items)]
    formset = posted(tour, *rows, new=[upload() for _ in range(new)], alts=["x"] * new)
    assert formset.is_valid() is right
    if not right:
        assert "At most 4 files are allowed" in str(formset)


def test_last_file_cannot_be_removed_where_one_is_needed(tour: Tour) -> None:
    kind = collection_formset(Tour, Track)
    (item,) = add(tour, "a", model=Track)
    formset = posted(tour, row(item, DELETE="on"), kind=kind)
    assert not formset.is_valid()
    assert "At least 1 file is needed" in str(formset.non_form_errors())
    replaced = posted(tour, row(item, DELETE="on"), kind=kind, new=[upload()])
    assert replaced.is_valid()


def test_new_file_of_a_single_collection_replaces_the_shown_one(tour: Tour) -> None:
    kind = collection_formset(Tour, Cover)
    (old,) = add(tour, "old", model=Cover)
    formset = posted(tour, row(old), kind=kind, new=[upload()])
    assert formset.is_valid()
    formset.save()
    assert [item.title for item in Cover.of(tour).all()] == [""]


def test_item_that_was_added_meanwhile_stays_behind(tour: Tour) -> None:
    a, b = add(tour, *"ab")
    formset = posted(tour, row(a, ORDER=2), row(b, ORDER=1))
    add(tour, "other")
    assert formset.is_valid()
    formset.save()
    assert titles(tour) == ["b", "a", "other"]


def test_item_that_was_added_meanwhile_counts(tour: Tour) -> None:
    items = add(tour, *"abc")
    add(tour, "d")
    formset = posted(tour, *map(row, items), new=[upload()], alts=["A view"])
    assert not formset.is_valid()
    assert formset.non_form_errors().as_data()[0].code == "too_many_files"
    assert posted(tour, row(items[0], DELETE="on"), new=[upload()], alts=["A view"]).is_valid()


@pytest.mark.parametrize("change", [{"title": "changed"}, {"DELETE": "on"}, {"ORDER": 2}])
def test_item_that_was_removed_after_the_check_is_left_out(tour: Tour, change: Any) -> None:
    """Another user has removed it between ``is_valid()`` and ``save()``."""
    a, b = add(tour, *"ab")
    formset = posted(tour, row(a, **change), row(b, title="other"))
    assert formset.is_valid()
    type(a).objects.filter(pk=a.pk).delete()
    saved = formset.save()
    assert titles(tour) == ["other"]
    assert a not in saved


def test_object_is_locked_before_its_items_are_read(tour: Tour) -> None:
    a, b = add(tour, *"ab")
    formset = posted(tour, row(a, ORDER=2), row(b, ORDER=1))
    assert formset.is_valid()
    with CaptureQueriesContext(connection) as queries:
        formset.save()
    first = next(q["sql"] for q in queries if "BEGIN" not in q["sql"])
    assert "testapp_tour" in first
    assert "UPDATE" in first


def test_file_that_fails_to_be_stored_leaves_order_and_items_as_they_were(
    tour: Tour, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = add(tour, *"ab")
    formset = posted(tour, row(a, ORDER=2), row(b, ORDER=1), new=[upload()], alts=["x"])
    assert formset.is_valid()

    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError("The disk is full.")

    monkeypatch.setattr(CountingStorage, "put", fail)
    with pytest.raises(OSError, match="full"):
        formset.save()
    assert titles(tour) == ["a", "b"]


def test_form_with_errors_is_shown_again_in_the_order_that_was_sent(tour: Tour) -> None:
    a, b = add(tour, *"ab")
    formset = posted(tour, row(a, ORDER=2), row(b, ORDER=1, alt=""))
    assert not formset.is_valid()
    shown = str(formset)
    assert shown.index('value="b"') < shown.index('value="a"')
    assert "Describe the picture" in shown


def test_page_has_each_item_with_its_preview_and_an_input_for_new_ones(tour: Tour) -> None:
    (item,) = add(tour, "a")
    shown = str(Views(instance=tour))
    assert item.file.resize("240x160").url in shown
    assert 'type="file" name="view_set-new"' in shown.replace("views", "view_set")
    assert "multiple" in shown
    assert "style=" not in shown
    assert "collection.js" in str(Views(instance=tour).media)
