// The focal point and the crop boxes of a picture, by pointer and by keyboard, of the stored file or
// of the one that was just chosen. The numbers below the picture are what the form sends.
"use strict";
(() => {
  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const GROW = { "+": 1, "=": 1, "-": -1, _: -1, PageUp: 1, PageDown: -1 };
  const LARGEST = 720; // pixels of a canvas, which shows a file that is not sent yet
  const LEAST = 4; // percent of the width of a box that is drawn
  const drags = new Map();

  const rootOf = (element) => element.closest?.(".shift-media-frame");
  const one = (root, selector) => root.querySelector(selector);
  const bounded = (value, least, most) => Math.min(most, Math.max(least, value));
  const two = (value) => Math.round(value * 100) / 100;
  const tab = (root) => one(root, "[data-tab][aria-pressed=true]").dataset.tab;
  const group = (root, name = tab(root)) => one(root, `[data-for="${name}"]`);
  const inputs = (root, name) => [...group(root, name).querySelectorAll("input")];
  const picture = (root) => {
    const canvas = one(root, "canvas");
    return canvas.hidden ? one(root, "img:not([hidden])") : canvas;
  };
  const sides = (root) => {
    const shown = picture(root);
    return [shown.naturalWidth ?? shown.width, shown.naturalHeight ?? shown.height];
  };

  const focal = (root) => inputs(root, "focal").map((input) => (input.value === "" ? 50 : +input.value));
  // A box as [left, top, width, height] in percent; that which the focal point gives if none is set.
  const box = (root, name) => {
    const [width, height] = sides(root);
    const [across, down] = name.split("x").map(Number);
    const share = (width / height) * (down / across); // height of a box in percent, of its width
    const values = inputs(root, name).map((input) => input.value);
    const isSet = values.some((value) => value !== "");
    const most = Math.min(100, 100 / share);
    const cut = isSet ? bounded(+values[2] || most, 0.01, most) : most;
    const [x, y] = focal(root);
    const [left, top] = isSet ? values.map(Number) : [x - cut / 2, y - (cut * share) / 2];
    return {
      isSet, share, most, cut,
      left: bounded(left, 0, 100 - cut), top: bounded(top, 0, 100 - cut * share),
    };
  };

  // There is nothing to choose before there is a file: a stored one, a chosen one, or an upload.
  const hasFile = (root) => Boolean(
    one(root, "img") ?? root.closest(".shift-media-input").querySelector(".shift-media-files > li"),
  ) || "chosen" in root.dataset;
  const show = (root) => {
    root.hidden = !hasFile(root);
    const name = tab(root);
    const mark = one(root, ".shift-media-frame-mark");
    const frame = one(root, ".shift-media-frame-box");
    const shown = picture(root);
    root.querySelectorAll("[data-for]").forEach((each) => {
      each.hidden = each.dataset.for !== name;
      one(each, ".shift-media-frame-reset").hidden = inputs(root, each.dataset.for).some((i) => i.disabled);
    });
    one(root, ".shift-media-frame-stage").hidden = !shown;
    one(root, ".shift-media-frame-tabs").hidden = root.querySelectorAll("[data-tab]").length < 2;
    mark.hidden = !shown || name !== "focal";
    frame.hidden = !shown || name === "focal";
    if (!shown) return;
    const [x, y] = focal(root);
    mark.style.left = `${bounded(x, 0, 100)}%`;
    mark.style.top = `${bounded(y, 0, 100)}%`;
    if (name === "focal" || !sides(root)[0]) return;
    const { left, top, cut, share, isSet } = box(root, name);
    Object.assign(frame.style, {
      left: `${left}%`, top: `${top}%`, width: `${cut}%`, height: `${cut * share}%`,
    });
    frame.classList.toggle("shift-media-frame-auto", !isSet);
  };
  const write = (root, values) => {
    const targets = inputs(root);
    if (targets.some((input) => input.disabled)) return;
    targets.forEach((input, index) => { input.value = values[index]; });
    show(root);
  };
  const say = (root) => {
    const [left, top, width] = inputs(root).map((input) => input.value);
    let text = tab(root) === "focal" ? `${left} % · ${top} %` : root.dataset.label;
    for (const value of [left, top, width]) text = text.replace("%s", value);
    one(root, ".shift-media-frame-status").textContent = text;
  };

  const moveFocal = (root, x, y) => write(root, [x, y].map((v) => Math.round(bounded(v, 0, 100))));
  const moveBox = (root, left, top, cut) => {
    const { share, most } = box(root, tab(root));
    const width = bounded(cut, Math.min(LEAST, most), most);
    write(root, [
      two(bounded(left, 0, 100 - width)), two(bounded(top, 0, 100 - width * share)), two(width),
    ]);
  };

  // Pointer: a press on the picture sets the focal point; boxes are dragged, and sized by a corner.
  document.addEventListener("pointerdown", (event) => {
    const stage = event.target.closest?.(".shift-media-frame-stage");
    if (!stage || event.button) return;
    const root = rootOf(stage);
    if (inputs(root).some((input) => input.disabled)) return;
    const name = tab(root);
    const handle = event.target.closest(".shift-media-frame-box");
    const mark = event.target.closest(".shift-media-frame-mark");
    if (name === "focal" ? !mark && event.pointerType !== "mouse" : !handle) return;
    const corner = event.target.dataset.corner?.split(" ").map(Number);
    const from = name === "focal" ? null : box(root, name);
    drags.set(event.pointerId, { root, stage, corner, start: [event.clientX, event.clientY], from });
    if (name === "focal") drag(event);
  });
  const point = (root, event) => {
    const area = one(root, ".shift-media-frame-stage").getBoundingClientRect();
    moveFocal(
      root,
      (event.clientX - area.left) / area.width * 100, (event.clientY - area.top) / area.height * 100,
    );
  };
  const drag = (event) => {
    const { root, stage, corner, start, from } = drags.get(event.pointerId);
    if (!from) {
      point(root, event);
      return;
    }
    const area = stage.getBoundingClientRect();
    const across = (event.clientX - start[0]) / area.width * 100;
    const down = (event.clientY - start[1]) / area.height * 100;
    if (!across && !down) return; // a press alone does not make an automatic box a chosen one
    if (!corner) {
      moveBox(root, from.left + across, from.top + down, from.cut);
      return;
    }
    const [x, y] = [across * corner[0], down * corner[1] / from.share];
    const grown = Math.abs(x) > Math.abs(y) ? x : y; // The other side follows from the ratio.
    const most = Math.min( // as far as the edge of the picture on the sides that move
      corner[0] < 0 ? from.left + from.cut : 100 - from.left,
      (corner[1] < 0 ? from.top + from.cut * from.share : 100 - from.top) / from.share,
    );
    const cut = bounded(from.cut + grown, Math.min(LEAST, most), most);
    moveBox(
      root,
      corner[0] < 0 ? from.left + from.cut - cut : from.left,
      corner[1] < 0 ? from.top + (from.cut - cut) * from.share : from.top,
      cut,
    );
  };
  document.addEventListener("pointermove", (event) => {
    if (drags.has(event.pointerId)) drag(event);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    document.addEventListener(end, (event) => {
      const ended = drags.get(event.pointerId);
      drags.delete(event.pointerId);
      if (ended) say(ended.root);
    });
  }

  document.addEventListener("keydown", (event) => {
    const root = rootOf(event.target);
    if (!root || !event.target.matches(".shift-media-frame-mark, .shift-media-frame-box")) return;
    const distance = event.shiftKey && STEPS[event.key] ? 10 : 1;
    const step = STEPS[event.key]?.map((value) => value * distance);
    if (tab(root) === "focal") {
      if (!step) return;
      const [x, y] = focal(root);
      moveFocal(root, x + step[0], y + step[1]);
    } else {
      const { left, top, cut, share } = box(root, tab(root));
      const grow = GROW[event.key] * 2;
      if (step) moveBox(root, left + step[0], top + step[1], cut);
      else if (grow) moveBox(root, left - grow / 2, top - grow / 2 * share, cut + grow);
      else return;
    }
    say(root);
    event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    const root = rootOf(event.target);
    const button = event.target.closest?.("button");
    // A finger that begins to scroll on the picture must not move the point, but a tap does.
    if (root && !button && event.target.closest(".shift-media-frame-stage") && tab(root) === "focal") {
      point(root, event);
    }
    if (!root || !button) return;
    if (button.dataset.tab) {
      root.querySelectorAll("[data-tab]").forEach((each) => each.setAttribute("aria-pressed", each === button));
      show(root);
    } else if (button.matches(".shift-media-frame-reset")) {
      inputs(root).forEach((input) => { input.value = ""; });
      show(root);
    }
  });
  document.addEventListener("input", (event) => {
    const root = rootOf(event.target);
    if (root) show(root);
  });

  // Focal point and boxes are those of one file. They are emptied when another is chosen, and are
  // what they were if it is removed again.
  const open = async (root, file) => {
    const canvas = one(root, "canvas");
    const stored = one(root, "img");
    root.toggleAttribute("data-chosen", Boolean(file));
    canvas.hidden = true;
    if (stored) stored.hidden = Boolean(file);
    root.querySelectorAll("[data-for] input").forEach((input) => {
      input.value = file ? "" : input.defaultValue;
    });
    show(root);
    if (!file?.type.startsWith("image/")) return;
    try {
      const bitmap = await createImageBitmap(file); // upright, and allowed by every policy
      const scale = Math.min(1, LARGEST / Math.max(bitmap.width, bitmap.height));
      canvas.width = Math.max(1, Math.round(bitmap.width * scale));
      canvas.height = Math.max(1, Math.round(bitmap.height * scale));
      canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      canvas.hidden = false;
      show(root);
    } catch {
      // The browser cannot show this format. The numbers can still be typed in.
    }
  };
  document.addEventListener("change", (event) => {
    const root = event.target.type === "file" && one(event.target.closest(".shift-media-input") ?? event.target, ".shift-media-frame");
    if (root) open(root, event.target.files[0]);
  });

  const start = () => document.querySelectorAll(".shift-media-frame").forEach((root) => {
    one(root, "img")?.addEventListener("load", () => show(root));
    show(root);
  });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
  document.addEventListener("formset:added", start);
})();
