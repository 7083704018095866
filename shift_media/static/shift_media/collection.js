// A collection of files: its items are ordered by dragging, by buttons and by the arrow keys.
"use strict";
(() => {
  const ITEMS = ".media-collection-item";
  const rootOf = (element) => element.closest?.(".media-collection");
  const itemsOf = (root) => [...root.querySelectorAll(ITEMS)];

  const number = (root) => itemsOf(root).forEach((item, index) => {
    const order = item.querySelector("input[name$='-ORDER']");
    if (order) order.value = index + 1;
  });
  const moved = (item) => {
    const root = rootOf(item), status = root.querySelector(".media-collection-status");
    number(root);
    status.textContent = status.dataset.moved.replace("%s", itemsOf(root).indexOf(item) + 1);
  };
  const moveBy = (button, by) => {
    const item = button.closest(ITEMS);
    if (shiftMedia.move(item, by, ITEMS)) moved(item);
    button.focus();
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(`${ITEMS} [data-move]`);
    if (button) moveBy(button, Number(button.dataset.move));
  });
  document.addEventListener("keydown", (event) => {
    const button = event.target.closest?.(`${ITEMS} [data-move]`);
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!button || !by) return;
    event.preventDefault();
    moveBy(button, by);
  });

  const start = () => document.querySelectorAll(".media-collection").forEach((root) => {
    root.classList.add("media-collection-script");
    root.querySelectorAll(".media-collection-moves").forEach((each) => { each.hidden = false; });
    const list = root.querySelector(".media-collection-items");
    shiftMedia.order(list, { items: ITEMS, grip: ".media-collection-grip", onmove: moved });
    number(root);
  });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
