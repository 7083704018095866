"""Files of one object: added, ordered and removed under the rules of their collection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.db import connection, models
from django.test.utils import CaptureQueriesContext, isolate_apps

from shift_media.collections import Collection, MediaItem
from shift_media.fields import MediaField
from tests.fields.material import HTML, picture, upload
from tests.testapp.models import Cover, Tour, Track, View

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

Stored = Callable[[], list[str]]


@pytest.fixture
def tour() -> Tour:
    return Tour.objects.create(title="Alps")


def codes(caught: pytest.ExceptionInfo[ValidationError]) -> set[str]:
    by_field = getattr(caught.value, "error_dict", None)
    lists = by_field.values() if by_field else [caught.value.error_list]
    return {str(each.code) for errors in lists for each in errors}


def titles(tour: Tour, model: type[MediaItem] = View) -> list[str]:
    return list(model.of(tour).all().values_list("title", flat=True))


def add(tour: Tour, *names: str, model: type[MediaItem] = View) -> list[Any]:
    return [model.of(tour).add([upload()], title=name, alt="A view")[0] for name in names]


def test_files_are_added_behind_the_others_in_order(tour: Tour) -> None:
    add(tour, "a")
    items = View.of(tour).add([upload(), upload()], title="b", alt="A lake")
    assert titles(tour) == ["a", "b", "b"]
    assert [item.position for item in items] == [1, 2]
    assert {item.file.width for item in items} == {64}
    assert list(tour.views.all()) == list(View.of(tour).all())


def test_refused_file_leaves_no_row_and_no_bytes(tour: Tour, stored: Stored) -> None:
    with pytest.raises(ValidationError) as caught:
        View.of(tour).add([upload(), upload(HTML, "x.jpg")], alt="A lake")
    assert codes(caught) == {"unsupported_type"}
    assert (titles(tour), stored()) == ([], [])


def test_one_file_too_many_is_refused_and_the_others_stay(tour: Tour, stored: Stored) -> None:
    add(tour, "a", "b", "c")
    before = stored()
    with pytest.raises(
        ValidationError, match="At most 4 files are allowed; these are 5"
    ) as caught:
        View.of(tour).add([upload(), upload()], alt="A lake")
    assert codes(caught) == {"too_many_files"}
    assert titles(tour) == ["a", "b", "c"]
    assert stored() == before


def test_files_that_are_too_large_together_are_refused(tour: Tour, stored: Stored) -> None:
    files = [upload(picture("PNG") + bytes(12_000), "a.png") for _ in range(2)]
    with pytest.raises(ValidationError) as caught:
        View.of(tour).add(files, alt="A lake")
    assert codes(caught) == {"too_many_bytes"}
    assert (titles(tour), stored()) == ([], [])


def test_missing_description_is_refused_where_it_is_required(tour: Tour) -> None:
    with pytest.raises(ValidationError) as caught:
        View.of(tour).add([upload()], alt="  ")
    assert codes(caught) == {"alt_missing"}
    assert Cover.of(tour).add([upload()])[0].alt == ""


def test_new_file_of_a_single_collection_replaces_the_old_one(tour: Tour, stored: Stored) -> None:
    (old,) = add(tour, "old", model=Cover)
    (new,) = add(tour, "new", model=Cover)
    assert titles(tour, Cover) == ["new"]
    assert stored() == [new.file.name]
    assert old.file.name != new.file.name


def test_first_files_leave_a_collection_that_keeps_the_latest(tour: Tour) -> None:
    add(tour, *"abcde", model=Track)
    assert titles(tour, Track) == ["c", "d", "e"]
    with pytest.raises(ValidationError) as caught:
        Track.of(tour).add([upload()] * 4)
    assert codes(caught) == {"too_many_files"}


def test_rows_are_put_in_order_by_one_update(tour: Tour) -> None:
    items = add(tour, *"abcd")
    with CaptureQueriesContext(connection) as queries:
        View.of(tour).reorder([items[index].pk for index in (2, 0, 3, 1)])
    assert titles(tour) == ["c", "a", "d", "b"]
    update = f"UPDATE {connection.ops.quote_name('testapp_view')}"
    assert len([q for q in queries if update in q["sql"]]) == 1


@pytest.mark.parametrize("change", ["missing", "foreign", "twice"])
def test_order_of_other_rows_is_refused(tour: Tour, change: str) -> None:
    items = [item.pk for item in add(tour, *"abc")]
    other = add(Tour.objects.create(), "x")[0].pk
    wrong = {"missing": items[:2], "foreign": [*items, other], "twice": [*items, items[0]]}
    with pytest.raises(ValidationError) as caught:
        View.of(tour).reorder(wrong[change])
    assert codes(caught) == {"other_items"}
    assert titles(tour) == ["a", "b", "c"]


def test_last_file_stays_where_one_is_needed(tour: Tour) -> None:
    items = add(tour, *"ab", model=Track)
    Track.of(tour).remove([items[0].pk])
    with pytest.raises(ValidationError, match="At least 1 file is needed") as caught:
        Track.of(tour).remove([items[1].pk])
    assert codes(caught) == {"too_few_files"}
    assert titles(tour, Track) == ["b"]


def test_removed_rows_take_their_files_along_and_other_objects_keep_theirs(
    tour: Tour, stored: Stored
) -> None:
    first, second = add(tour, *"ab")
    (other,) = add(Tour.objects.create(), "x")
    View.of(tour).remove([first.pk, other.pk])
    assert stored() == sorted([second.file.name, other.file.name])


def test_any_file_of_django_can_be_added(tour: Tour) -> None:
    (item,) = Track.of(tour).add([ContentFile(b"a,b\n1,2\n", "list.csv")])
    assert item.file.metadata.original_name == "list.csv"


def test_object_that_is_not_saved_has_no_collection() -> None:
    with pytest.raises(ValueError, match="must be saved before"):
        View.of(Tour())


def test_page_of_tours_costs_one_query_for_all_their_files(
    tour: Tour, django_assert_num_queries: Any
) -> None:
    add(tour, *"abc")
    add(Tour.objects.create(), *"de")
    with django_assert_num_queries(2):
        urls = [
            item.file.resize("40x").url
            for each in Tour.objects.prefetch_related("views")
            for item in each.views.all()
        ]
    assert len(urls) == 5


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        (Collection(owner="tuor"), "not a field of the model"),
        (Collection(owner="title"), "not a ForeignKey"),
        (Collection(owner="tour", max=0), "max must be None or a whole number from 1"),
        (Collection(owner="tour", min=-1), "min must be a whole number from 0"),
        (Collection(owner="tour", min=3, max=2), "more than the 2 files"),
        (Collection(owner="tour", min=2, single=True), "more than the 1 files"),
        (Collection(owner="tour", single=True, keep_latest=3), "write one of them"),
        (None, "it must be a Collection"),
    ],
)
@isolate_apps("tests.testapp")
def test_wrong_rules_are_found_by_the_check(rules: Any, problem: str) -> None:
    class Wrong(MediaItem):
        tour = models.ForeignKey(Tour, models.CASCADE)
        collection = rules

        class Meta:
            app_label = "testapp"

    (found,) = [each for each in Wrong.check() if each.id == "shift_media.E014"]
    assert problem in found.msg


def test_subclass_may_accept_other_files() -> None:
    field = Track._meta.get_field("file")
    assert isinstance(field, MediaField)
    assert field.accept == ["*/*"]
