// A collection of files: items are ordered by dragging or by buttons, and new files are dropped.
"use strict";
(() => {
  const rootOf = (element) => element.closest?.(".media-collection");
  const itemsOf = (root) => [...root.querySelectorAll(".media-collection-item")];
  const inputOf = (root) => root.querySelector(".media-collection-new input[type=file]");

  const number = (root) => itemsOf(root).forEach((item, index) => {
    const order = item.querySelector("input[name$='-ORDER']");
    if (order) order.value = index + 1;
  });
  const announce = (root, item) => {
    const status = root.querySelector(".media-collection-status");
    status.textContent = status.dataset.moved.replace("%s", itemsOf(root).indexOf(item) + 1);
  };
  const move = (item, before) => {
    const root = rootOf(item);
    item.parentNode.insertBefore(item, before);
    number(root);
    announce(root, item);
  };

  // New files: the input holds them, and the list below it shows them with their descriptions.
  const show = (root) => {
    const list = root.querySelector(".media-collection-chosen");
    const texts = [...list.querySelectorAll("input")].map((input) => input.value);
    const names = [...list.querySelectorAll("span")].map((span) => span.textContent);
    const known = new Map(names.map((name, index) => [name, texts[index]]));
    list.querySelectorAll("img").forEach((picture) => URL.revokeObjectURL(picture.src));
    list.replaceChildren(...[...inputOf(root).files].map((file) => {
      const row = root.querySelector(".media-collection-template").content.cloneNode(true);
      const picture = row.querySelector("img");
      if (file.type.startsWith("image/")) picture.src = URL.createObjectURL(file);
      else picture.remove();
      row.querySelector("span").textContent = file.name;
      const text = row.querySelector("input");
      text.value = known.get(file.name) ?? "";
      text.required = "requireAlt" in root.dataset;
      return row;
    }));
  };
  const choose = (root, files) => {
    const transfer = new DataTransfer();
    files.forEach((file) => transfer.items.add(file));
    inputOf(root).files = transfer.files;
    show(root);
  };

  document.addEventListener("change", (event) => {
    const root = rootOf(event.target);
    if (root && event.target === inputOf(root)) show(root);
  });
  document.addEventListener("click", (event) => {
    const root = rootOf(event.target);
    const button = event.target.closest?.("button");
    if (!root || !button) return;
    if (button.dataset.move) {
      const item = button.closest(".media-collection-item");
      const up = button.dataset.move === "-1";
      const other = up ? item.previousElementSibling : item.nextElementSibling;
      if (other) move(item, up ? other : other.nextElementSibling);
      button.focus();
    } else if (button.closest(".media-collection-chosen")) {
      const rows = [...root.querySelectorAll(".media-collection-chosen > li")];
      const index = rows.indexOf(button.closest("li"));
      const texts = rows[index];
      texts.remove();
      choose(root, [...inputOf(root).files].filter((_, place) => place !== index));
      inputOf(root).focus();
    }
  });

  let dragged = null;
  document.addEventListener("dragstart", (event) => {
    dragged = event.target.closest?.(".media-collection-item") ?? null;
    if (dragged) event.dataTransfer.effectAllowed = "move";
  });
  document.addEventListener("dragend", () => { dragged = null; });
  document.addEventListener("dragover", (event) => {
    const root = rootOf(event.target);
    if (!root) return;
    event.preventDefault();
    const over = event.target.closest(".media-collection-item");
    if (!dragged || !over || over === dragged || rootOf(dragged) !== root) return;
    const box = over.getBoundingClientRect();
    const after = event.clientY > box.top + box.height / 2;
    move(dragged, after ? over.nextElementSibling : over);
  });
  document.addEventListener("drop", (event) => {
    const root = rootOf(event.target);
    if (!root) return;
    event.preventDefault();
    const files = [...event.dataTransfer.files];
    if (files.length) choose(root, [...inputOf(root).files, ...files]);
  });

  const start = () => document.querySelectorAll(".media-collection").forEach((root) => {
    root.classList.add("media-collection-script");
    root.querySelectorAll(".media-collection-moves, .media-collection-hint").forEach((each) => {
      each.hidden = false;
    });
    itemsOf(root).forEach((item) => { item.draggable = true; });
    number(root);
  });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
