// Puts the items of a list into an order, by a mouse, a finger or the keys of a focused button.
//
//   shiftMedia.order(list, { items: ".item", grip: ".grip", onmove: (item) => {} });
//
// A mouse drags an item by any part that is not a control, a finger only by its grip, because it
// scrolls the page by the rest. An item moves by calling shiftMedia.move(item, by) too.
"use strict";
(() => {
  const CONTROLS = "a, button, input, label, select, textarea, video, audio, [contenteditable]";
  const LEAST = 5; // Pixels by which a pointer must move before it drags.
  const EDGE = 60; // Pixels from the edge of the window in which the page is scrolled.
  const SPEED = 12;

  const siblings = (item, selector) => [...item.parentElement.children].filter((other) => (
    other.matches(selector)
  ));

  // Moves an item by so many places; returns false at the end of the list.
  const move = (item, by, selector = "li") => {
    const items = siblings(item, selector), place = items.indexOf(item) + by;
    if (place < 0 || place >= items.length || !by) return false;
    items[place][by < 0 ? "before" : "after"](item);
    return true;
  };

  const dragTo = (drag, event) => {
    const { item, items } = drag;
    const over = document.elementFromPoint(event.clientX, event.clientY)?.closest(items);
    if (!over || over === item || over.parentElement !== item.parentElement) return;
    const all = siblings(item, items);
    const isLater = all.indexOf(over) > all.indexOf(item);
    // Only once the pointer is past the middle: items of unequal size would change to and fro.
    const box = over.getBoundingClientRect(), own = item.getBoundingClientRect();
    const isColumn = Math.abs(box.left - own.left) < own.width / 2;
    const middle = isColumn ? box.top + box.height / 2 : box.left + box.width / 2;
    const at = isColumn ? event.clientY : event.clientX;
    const isForward = isColumn || getComputedStyle(item).direction === "ltr";
    if ((at > middle) === (isLater === isForward)) over[isLater ? "after" : "before"](item);
  };

  const scroll = (event) => {
    if (event.clientY < EDGE) scrollBy(0, -SPEED);
    else if (event.clientY > innerHeight - EDGE) scrollBy(0, SPEED);
  };

  const begin = (list, options, event) => {
    const item = event.target.closest(options.items);
    const isGrip = event.target.closest(options.grip);
    if (!item || item.parentElement !== list || event.button !== 0) return;
    if (!isGrip && (event.pointerType !== "mouse" || event.target.closest(CONTROLS))) return;
    const drag = { item, items: options.items, x: event.clientX, y: event.clientY };
    const start = siblings(item, options.items).indexOf(item);
    const stop = new AbortController(), { signal } = stop;
    const onmove = (moved) => {
      if (moved.pointerId !== event.pointerId) return;
      const distance = Math.hypot(moved.clientX - drag.x, moved.clientY - drag.y);
      if (!drag.isMoving && distance < LEAST) return;
      drag.isMoving = true;
      item.classList.add("shift-media-dragged");
      moved.preventDefault();
      dragTo(drag, moved);
      scroll(moved);
    };
    const end = () => {
      stop.abort();
      item.classList.remove("shift-media-dragged");
      if (siblings(item, options.items).indexOf(item) !== start) options.onmove(item);
    };
    addEventListener("pointermove", onmove, { signal });
    addEventListener("pointerup", end, { signal });
    addEventListener("pointercancel", end, { signal });
    // The browser would select text, or drag a picture or a link.
    addEventListener("selectstart", (other) => other.preventDefault(), { signal });
    addEventListener("dragstart", (other) => other.preventDefault(), { signal });
  };

  const order = (list, options) => {
    list.addEventListener("pointerdown", (event) => begin(list, options, event));
  };

  globalThis.shiftMedia = Object.assign(globalThis.shiftMedia ?? {}, { order, move });
})();
