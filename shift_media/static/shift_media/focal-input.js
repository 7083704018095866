// The mark of the focal point: a click or the arrow keys change the two numbers below the picture.
"use strict";
(() => {
  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const numbers = (root) => [...root.querySelectorAll(".shift-media-focal-numbers input")];
  const rootOf = (element) => element.closest?.(".shift-media-input");
  const bounded = (value) => Math.min(100, Math.max(0, Math.round(value)));
  const read = (root) => numbers(root).map((input) => (input.value === "" ? 50 : +input.value));

  const show = (root) => {
    const mark = root.querySelector(".shift-media-focal-mark");
    if (!mark) return;
    const [x, y] = read(root).map(bounded);
    mark.style.left = `${x}%`;
    mark.style.top = `${y}%`;
    mark.hidden = false;
  };
  const write = (root, point) => {
    const inputs = numbers(root);
    if (inputs.some((input) => input.disabled)) return;
    inputs.forEach((input, index) => { input.value = bounded(point[index]); });
    show(root);
  };

  document.addEventListener("click", (event) => {
    const picture = event.target.closest?.(".shift-media-focal .shift-media-input-preview");
    if (!picture) return;
    const box = picture.getBoundingClientRect();
    write(rootOf(picture), [
      (event.clientX - box.left) / box.width * 100, (event.clientY - box.top) / box.height * 100,
    ]);
  });
  document.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step || !event.target.matches?.(".shift-media-focal-mark")) return;
    const root = rootOf(event.target);
    const distance = event.shiftKey ? 10 : 1;
    write(root, read(root).map((value, index) => value + distance * step[index]));
    event.preventDefault();
  });
  document.addEventListener("input", (event) => {
    const root = rootOf(event.target);
    if (root && event.target.matches(".shift-media-focal-numbers input")) show(root);
  });
  // The focal point and the picture are those of the old file, so both go when another is chosen.
  document.addEventListener("change", (event) => {
    const root = rootOf(event.target);
    if (!root || event.target.type !== "file" || !numbers(root).length) return;
    numbers(root).forEach((input) => { input.value = ""; });
    root.querySelector(".shift-media-focal")?.remove();
  });
  const start = () => document.querySelectorAll(".shift-media-input").forEach(show);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
  document.addEventListener("formset:added", start);
})();
