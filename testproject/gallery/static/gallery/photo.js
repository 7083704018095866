// Focal point by clicking, crop by dragging, forms without a new page, URLs to copy.

const picture = document.getElementById("picture");
const marker = picture.querySelector(".focal");
const frame = picture.querySelector(".crop");
const width = Number(picture.dataset.width);
const height = Number(picture.dataset.height);
const LEAST_DRAG = 8; // in pixels of the screen: less is a click

const form = (id) => document.getElementById(id);
const tool = () => document.querySelector("input[name=tool]:checked").value;
const clamp = (value) => Math.min(1, Math.max(0, value));

// Where the pointer is on the picture, as shares of its width and height.
function place(event) {
  const box = picture.getBoundingClientRect();
  return [clamp((event.clientX - box.left) / box.width), clamp((event.clientY - box.top) / box.height)];
}

function showFocal() {
  const { x, y } = form("focal").elements;
  marker.style.left = `${x.value}%`;
  marker.style.top = `${y.value}%`;
  marker.hidden = tool() !== "focal";
}

function showCrop() {
  const box = form("resize").elements.crop.value.split(",").map(Number);
  frame.hidden = tool() !== "crop" || box.length !== 4 || box.some(Number.isNaN);
  if (frame.hidden) return;
  const [x, y, w, h] = box;
  frame.style.left = `${(x / width) * 100}%`;
  frame.style.top = `${(y / height) * 100}%`;
  frame.style.width = `${(w / width) * 100}%`;
  frame.style.height = `${(h / height) * 100}%`;
}

function show() {
  picture.classList.toggle("crops", tool() === "crop");
  showFocal();
  showCrop();
}

const turns = {};

// Send a form, and put the parts of the answer in the places of those shown here.
async function send(element, parts) {
  const body = new FormData(element);
  const get = element.method === "get";
  const url = new URL(element.action);
  if (get) url.search = new URLSearchParams(body);
  const places = parts.map((id) => document.getElementById(id));
  const focused = element.contains(document.activeElement) && document.activeElement.name;
  const turn = (turns[element.id] = (turns[element.id] ?? 0) + 1);
  places.forEach((part) => part.classList.add("busy"));
  try {
    const answer = await fetch(url, get ? {} : { method: "POST", body });
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (turn !== turns[element.id]) return; // A later request replaces this one.
    for (const part of places) {
      part.replaceChildren(...page.getElementById(part.id).childNodes);
      part.classList.remove("busy");
    }
    if (focused !== false) {
      (element.elements[focused] ?? element.querySelector("button")).focus({ preventScroll: true });
    }
    if (get) history.replaceState(null, "", url);
    else if (location.search) form("resize").requestSubmit(); // It may follow the focal point.
    show();
    measure();
    if (get) form("result").scrollIntoView({ block: "nearest" });
  } catch {
    element.submit(); // Without script, so that the browser shows what is wrong.
  }
}

let start = null;

picture.addEventListener("pointerdown", (event) => {
  if (tool() !== "crop" || event.button !== 0) return;
  start = { at: place(event), x: event.clientX, y: event.clientY };
  picture.setPointerCapture(event.pointerId);
});

picture.addEventListener("pointermove", (event) => {
  if (!start || Math.hypot(event.clientX - start.x, event.clientY - start.y) < LEAST_DRAG) return;
  const [ax, ay] = start.at;
  const [bx, by] = place(event);
  const left = Math.round(Math.min(ax, bx) * width);
  const top = Math.round(Math.min(ay, by) * height);
  const across = Math.max(1, Math.round(Math.abs(bx - ax) * width));
  const down = Math.max(1, Math.round(Math.abs(by - ay) * height));
  start.moved = true;
  form("resize").elements.crop.value = [left, top, across, down].join(",");
  showCrop();
});

picture.addEventListener("pointerup", () => {
  const moved = start?.moved;
  start = null;
  if (moved) form("resize").requestSubmit();
});
picture.addEventListener("pointercancel", () => (start = null));

picture.addEventListener("click", (event) => {
  if (tool() !== "focal") return;
  const [x, y] = place(event);
  const fields = form("focal").elements;
  fields.x.value = Math.round(x * 100);
  fields.y.value = Math.round(y * 100);
  showFocal();
  form("focal").requestSubmit();
});

document.addEventListener("submit", (event) => {
  const parts = { focal: ["messages", "modes"], resize: ["resize", "result"] }[event.target.id];
  if (!parts) return;
  event.preventDefault();
  send(event.target, parts);
});

document.addEventListener("change", (event) => {
  if (event.target.name === "tool") show();
});
document.addEventListener("input", (event) => {
  if (event.target.name === "crop") showCrop();
  if (event.target.form?.id === "focal") showFocal();
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const field = button.parentElement.querySelector("input");
  field.select();
  try {
    await navigator.clipboard.writeText(new URL(field.value, location.href).href);
  } catch {
    document.execCommand("copy"); // Without HTTPS there is no clipboard: the field's own text.
  }
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 1500);
});

// Show the size of each picture in bytes, if the server reveals it to scripts.
function measure() {
  for (const place of document.querySelectorAll("[data-bytes]")) {
    const image = place.closest(".card").querySelector("img");
    const tell = () => {
      const size = performance.getEntriesByName(image.currentSrc).at(-1)?.encodedBodySize;
      const text = size ? `${(size / 1000).toFixed(1)} kB` : "";
      place.textContent = [place.dataset.bytes, text].filter(Boolean).join(" ");
    };
    if (image.complete) tell();
    else image.addEventListener("load", tell, { once: true });
  }
}

show();
measure();
