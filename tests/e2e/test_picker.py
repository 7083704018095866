"""The picker, on a page whose policy allows neither inline scripts nor inline styles."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from shift_media.testing import make_video
from tests.e2e.conftest import PATIENCE_MS, serving, violations
from tests.fields.material import picture

if TYPE_CHECKING:
    from tests.e2e.conftest import Console, Site

pytestmark = [pytest.mark.e2e, pytest.mark.needs("chromium")]

CONTENTS = {
    f"{name}.jpg": picture(size=(320 + n, 200)) for n, name in enumerate(("red", "green", "blue"))
}
SMALL = picture(size=(64, 48))
CARRIED = """([selector, kind, files]) => {
  const carried = new DataTransfer();
  for (const [name, type, text] of files) {
    const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
    carried.items.add(new File([bytes], name, { type, lastModified: 1 }));
  }
  const place = document.querySelector(selector);
  const options = { bubbles: true, cancelable: true };
  if (kind === "paste") {
    place.dispatchEvent(new ClipboardEvent("paste", { clipboardData: carried, ...options }));
  } else for (const name of ["dragover", "drop"]) {
    place.dispatchEvent(new DragEvent(name, { dataTransfer: carried, ...options }));
  }
}"""


FINGER = """(part) => {
  const [first, second] = document.querySelectorAll(".shift-media-file");
  const send = (type, place, target) => {
    const { x, y, width, height } = place.getBoundingClientRect();
    const [clientX, clientY] = [x + width / 2, y + height * 0.9];
    const options = { bubbles: true, pointerId: 7, pointerType: "touch", clientX, clientY };
    target.dispatchEvent(new PointerEvent(type, options));
  };
  const place = first.querySelector(part);
  send("pointerdown", place, place);
  send("pointermove", second, document.body);
  send("pointerup", second, document.body);
}"""


@pytest.fixture(scope="module")
def pickers(
    tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]
) -> Iterator[Site]:
    """Run a site of one page with the picker."""
    settings = "tests.e2e.picker_settings"
    with serving(settings, tmp_path_factory, free_port(), processes=1) as site:
        yield site


class Visit:
    """The page, in a browser context of its own."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.rows = page.locator(".shift-media-file")
        self.status = page.locator(".shift-media-status")
        self.zone = page.locator(".shift-media-zone")

    def choose(self, *names: str) -> None:
        """Choose pictures as a user does."""
        files: Any = [
            {"name": name, "mimeType": "image/jpeg", "buffer": CONTENTS[name]} for name in names
        ]
        self.page.set_input_files("#id_file", files)

    def carry(self, kind: str, *files: tuple[str, bytes], to: str = ".shift-media-zone") -> None:
        """Drop or paste files."""
        types = {"jpg": "image/jpeg", "pdf": "application/pdf"}
        sent = [
            [name, types[name.rpartition(".")[2]], content.decode("latin-1")]
            for name, content in files
        ]
        self.page.evaluate(CARRIED, [to, kind, sent])

    def row(self, name: str) -> Locator:
        return self.rows.filter(has_text=name)

    def press(self, action: str, name: str) -> None:
        """Click a button of a file."""
        self.page.get_by_role("button", name=f"{action}: {name}", exact=True).click()

    @property
    def names(self) -> list[str]:
        return self.page.locator(".shift-media-name").all_inner_texts()

    def save(self) -> None:
        self.page.get_by_role("button", name="Save").click()

    def expect_saved(self, sent: int, *names: str) -> None:
        """Wait for the page that names the saved files in their order."""
        digests = [hashlib.sha256(CONTENTS[name]).hexdigest()[:12] for name in names]
        expected = f"{sent} sent: {' '.join(names)} {' '.join(digests)}"
        expect(self.page.locator("#saved")).to_have_text(expected)


Open = Callable[..., Visit]


@pytest.fixture
def visit(browser: Browser, pickers: Site, console: Console) -> Iterator[Open]:
    """Return a function that opens the page, whose console must stay without errors."""
    contexts = []

    def open_page(query: str = "", *, path: str = "", **options: Any) -> Visit:
        context = browser.new_context(**{"viewport": {"width": 800, "height": 900}, **options})
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        console.watch(page)
        page.goto(f"{pickers.url}/{path}?{query}")
        return Visit(page)

    yield open_page
    for context in contexts:
        context.close()
    assert [e for e in console.errors if "status of 403" not in e] == []


def test_files_are_chosen_dropped_pasted_ordered_and_removed(visit: Open) -> None:
    form = visit("many")
    form.choose("red.jpg")
    form.carry("drop", ("green.jpg", CONTENTS["green.jpg"]))
    form.carry("paste", ("blue.jpg", CONTENTS["blue.jpg"]), to="body")
    expect(form.rows).to_have_count(3)
    expect(form.row("blue").locator("canvas")).to_be_visible()  # The preview.
    expect(form.row("blue")).to_contain_text("is sent with the form")
    form.page.get_by_role("button", name="Move up: blue.jpg").press("ArrowUp")
    assert form.names == ["red.jpg", "blue.jpg", "green.jpg"]
    expect(form.status).to_have_text("blue.jpg is number 2 of 3 now.")
    expect(form.page.get_by_role("button", name="Move up: blue.jpg")).to_be_focused()
    form.row("green").locator(".shift-media-grip").drag_to(form.row("red"))
    assert form.names == ["green.jpg", "red.jpg", "blue.jpg"]
    form.press("Remove", "red.jpg")
    expect(form.page.get_by_role("button", name="Remove: blue.jpg")).to_be_focused()
    form.save()
    form.expect_saved(2, "green.jpg", "blue.jpg")


def test_file_that_misses_the_picker_does_not_replace_the_page(visit: Open) -> None:
    form = visit("many")
    dispatch = """() => {
      const carried = new DataTransfer();
      carried.items.add(new File(["x"], "x.jpg", { type: "image/jpeg" }));
      const options = { dataTransfer: carried, bubbles: true, cancelable: true };
      return !document.querySelector("h1").dispatchEvent(new DragEvent("dragover", options));
    }"""
    assert form.page.evaluate(dispatch) is True


def test_uploads_and_files_of_the_form_keep_their_order(visit: Open) -> None:
    form = visit("many&direct")
    form.page.route("**/upload/", refuse, times=1)
    form.choose("red.jpg")
    expect(form.row("red")).to_contain_text("It will be sent with the form instead.")
    form.choose("green.jpg", "blue.jpg")
    form.press("Move down", "red.jpg")
    form.save()
    form.expect_saved(1, "green.jpg", "red.jpg", "blue.jpg")


def refuse(route: Route) -> None:
    """Refuse an upload as a site does whose rule says no."""
    message = {"code": "forbidden", "message": "You may not upload here."}
    route.fulfill(status=403, json=message)


def hold(route: Route) -> None:
    """Let a request wait."""


def test_failed_upload_is_tried_again(visit: Open) -> None:
    form = visit("direct")
    form.page.route("**/upload/", refuse, times=1)
    form.choose("red.jpg")
    form.press("Try again", "red.jpg")
    expect(form.row("red")).to_contain_text("uploaded")
    form.save()
    form.expect_saved(0, "red.jpg")


def test_upload_is_paused_continued_and_cancelled(visit: Open) -> None:
    form = visit("many&direct")
    form.page.route("**/upload/", hold)
    form.choose("red.jpg", "green.jpg")
    form.press("Pause", "red.jpg")
    expect(form.row("red")).to_contain_text("paused")
    expect(form.page.get_by_role("button", name="Continue: red.jpg")).to_be_focused()
    form.press("Cancel", "green.jpg")
    assert form.names == ["red.jpg"]
    form.page.unroute("**/upload/")
    form.press("Continue", "red.jpg")
    expect(form.row("red")).to_contain_text("uploaded")
    form.save()
    form.expect_saved(0, "red.jpg")


def test_form_sent_while_an_upload_is_paused_continues_it(visit: Open) -> None:
    form = visit("direct")
    form.page.route("**/upload/", hold)
    form.choose("red.jpg")
    form.press("Pause", "red.jpg")
    form.page.unroute("**/upload/")
    form.save()
    form.expect_saved(0, "red.jpg")


def test_files_outside_the_limits_are_refused_before_they_are_sent(visit: Open) -> None:
    form = visit("many&direct")
    requests: list[str] = []
    form.page.on("request", lambda request: requests.append(request.url))
    form.carry("drop", ("small.jpg", SMALL), ("page.pdf", b"%PDF"), ("big.jpg", b"x" * 3_000_000))
    expect(form.row("small")).to_contain_text("64 × 48 pixels. Choose one of at least 100 × 80")
    expect(form.row("page.pdf")).to_contain_text("This type of file is not accepted.")
    expect(form.row("big")).to_contain_text("The file is 3 MB; at most 2 MB are allowed.")
    form.save()
    zone = form.page.locator("#id_file")
    assert zone.evaluate("input => input.validationMessage").startswith("Remove or replace")
    form.page.get_by_role("button", name="Remove all").click()
    expect(form.rows).to_have_count(0)
    assert not [url for url in requests if "/upload/" in url]
    form.choose("red.jpg")
    form.save()
    form.expect_saved(0, "red.jpg")


def test_form_that_browsers_do_not_check_is_not_sent_without_a_refused_file(visit: Open) -> None:
    """The forms of Django's admin are such forms."""
    form = visit("many")
    form.page.eval_on_selector("form", "form => { form.noValidate = true; }")
    form.choose("red.jpg")
    form.carry("drop", ("small.jpg", SMALL))
    expect(form.row("small")).to_contain_text("64 × 48")
    form.save()
    expect(form.status).to_have_text("Remove or replace the files that are not accepted.")
    expect(form.page.get_by_role("button", name="Remove: small.jpg")).to_be_focused()
    form.press("Remove", "small.jpg")
    form.save()
    form.expect_saved(1, "red.jpg")


def test_file_chosen_twice_and_one_too_many_are_left_out(visit: Open) -> None:
    form = visit("many")
    red = ("red.jpg", CONTENTS["red.jpg"])
    form.carry("drop", red)
    form.carry("drop", red)
    expect(form.status).to_have_text("red.jpg is in the list already.")
    form.carry("drop", *((f"{n}.jpg", CONTENTS["red.jpg"]) for n in range(5)))
    expect(form.status).to_contain_text("4.jpg: at most 5 files are allowed.")
    expect(form.rows).to_have_count(5)


def test_file_is_replaced_in_its_place(visit: Open) -> None:
    form = visit("many&direct")
    form.choose("red.jpg", "green.jpg")
    with form.page.expect_file_chooser() as chooser:
        form.press("Replace", "red.jpg")
    file: Any = {"name": "blue.jpg", "mimeType": "image/jpeg", "buffer": CONTENTS["blue.jpg"]}
    chooser.value.set_files(file)
    expect(form.row("blue")).to_contain_text("uploaded")
    assert form.names == ["blue.jpg", "green.jpg"]
    form.save()
    form.expect_saved(0, "blue.jpg", "green.jpg")


def test_uploads_of_a_refused_form_are_kept(visit: Open) -> None:
    form = visit("many&direct")
    form.choose("red.jpg", "green.jpg")
    form.press("Move down", "red.jpg")
    form.page.fill("#id_title", "no slug")
    form.save()
    expect(form.page.locator(".errorlist")).to_contain_text("slug")
    assert form.names == ["green.jpg", "red.jpg"]
    form.press("Move up", "red.jpg")
    form.page.fill("#id_title", "slug")
    form.save()
    form.expect_saved(0, "red.jpg", "green.jpg")


def test_reset_removes_the_files_and_the_input_is_required_again(visit: Open) -> None:
    form = visit()
    zone = form.page.locator("#id_file")
    form.choose("red.jpg")
    expect(zone).not_to_have_attribute("required", "")
    form.page.get_by_role("button", name="Reset").click()
    expect(form.rows).to_have_count(0)
    expect(zone).to_have_attribute("required", "")


def test_input_without_the_script_is_a_plain_one(visit: Open) -> None:
    form = visit("many&direct", java_script_enabled=False)
    expect(form.page.locator(".shift-media-invite")).to_be_hidden()
    expect(form.page.get_by_text("at least 100 × 80 pixels")).to_be_visible()
    form.choose("red.jpg", "green.jpg")
    form.save()
    form.expect_saved(2, "red.jpg", "green.jpg")


def test_input_added_later_is_a_picker_too(visit: Open) -> None:
    form = visit("many")
    form.page.evaluate("""() => {
      const copy = document.querySelector(".shift-media-input").cloneNode(true);
      copy.querySelector("input").id = "copy";
      document.querySelector("form").append(copy);
    }""")
    file: Any = {"name": "red.jpg", "mimeType": "image/jpeg", "buffer": CONTENTS["red.jpg"]}
    form.page.set_input_files("#copy", file)
    expect(form.rows).to_have_count(1)


def test_sides_of_a_video_are_checked_and_it_has_a_preview(visit: Open) -> None:
    form, video = visit("many"), make_video()
    content: Any = {"name": "dive.mp4", "mimeType": "video/mp4", "buffer": video.read()}
    form.page.set_input_files("#id_file", content)
    expect(form.row("dive.mp4")).to_contain_text("64 × 48 pixels. Choose one of at least")
    expect(form.row("dive.mp4").locator("canvas")).to_be_visible()


def test_finger_drags_a_file_by_its_grip_only(visit: Open) -> None:
    form = visit("many", has_touch=True)
    form.choose("red.jpg", "green.jpg", "blue.jpg")
    for part, names in (("name", ["red.jpg", "green.jpg"]), ("grip", ["green.jpg", "red.jpg"])):
        form.page.evaluate(FINGER, f".shift-media-{part}")
        assert form.names == [*names, "blue.jpg"]


def test_row_added_to_an_inline_of_the_admin_has_a_picker_of_its_own(visit: Open) -> None:
    form = visit(path="open/gallery/album/add/")
    for number, name in enumerate(("red.jpg", "green.jpg")):
        form.page.get_by_text("Add another Album picture").click()
        file: Any = {"name": name, "mimeType": "image/jpeg", "buffer": CONTENTS[name]}
        form.page.set_input_files(f"#id_pictures-{number}-file", file)
        row = form.page.locator(f"#pictures-{number}")
        expect(row.locator(".shift-media-file")).to_contain_text("uploaded")
        ticket = row.locator(f"input[name='pictures-{number}-file-upload']")
        assert ticket.input_value() != ""
        described = row.locator("input[type=file]").get_attribute("aria-describedby") or ""
        assert row.locator(f"#{described}").inner_text().startswith("JPEG")


@pytest.mark.parametrize(("direction", "scheme"), [("ltr", "light"), ("rtl", "dark")])
def test_picker_fits_a_phone_and_axe_finds_nothing(
    visit: Open, shot: Callable[[Page, str], Any], direction: str, scheme: str
) -> None:
    language = "ar" if direction == "rtl" else "en"
    form = visit(
        f"many&direct&dir={direction}&lang={language}",
        viewport={"width": 360, "height": 800},
        color_scheme=scheme,
        bypass_csp=True,  # axe is a script of the page.
    )
    form.choose("red.jpg", "green.jpg")
    form.carry("drop", ("small.jpg", SMALL))
    expect(form.row("small")).to_contain_text("64 × 48")
    expect(form.row("green")).to_contain_text("uploaded")
    assert form.page.evaluate("document.documentElement.scrollWidth") <= 360
    shot(form.page, f"picker-{direction}-{scheme}")
    assert violations(form.page) == []
