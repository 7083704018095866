// Uploads files one by one, and shows the progress of each, or the reason why it was refused.

const form = document.getElementById("upload");
const input = form.querySelector("input[type=file]");
const list = form.querySelector(".progress");
const grid = document.getElementById("grid");
const count = document.getElementById("count");
const maxBytes = Number(form.dataset.maxBytes);
const AT_ONCE = 2;

const waiting = [];
let running = 0;

function add(files) {
  for (const file of files) {
    const row = newRow(file);
    if (file.size > maxBytes) {
      refuse(row, [`The file is larger than ${Math.floor(maxBytes / 1e6)} MB.`]);
    } else {
      waiting.push([file, row]);
    }
  }
  next();
}

function newRow(file) {
  const row = document.createElement("li");
  const name = document.createElement("b");
  const bar = document.createElement("progress");
  const state = document.createElement("span");
  name.textContent = file.name;
  state.textContent = "waiting";
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", `Upload of ${file.name}`);
  row.append(name, bar, state);
  list.append(row);
  return row;
}

function next() {
  while (running < AT_ONCE && waiting.length) {
    running += 1;
    send(...waiting.shift()).finally(() => {
      running -= 1;
      next();
    });
  }
}

// XMLHttpRequest, because fetch reports no progress of an upload.
function send(file, row) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const body = new FormData();
    body.append("image", file);
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-CSRFToken", form.elements.csrfmiddlewaretoken.value);
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => show(row, event.loaded / event.total));
    request.addEventListener("load", () => finish(row, request));
    request.addEventListener("error", () => refuse(row, ["The connection was lost. Try it again."]));
    request.addEventListener("loadend", resolve);
    request.send(body);
  });
}

function show(row, share) {
  row.querySelector("progress").value = share;
  row.querySelector("span").textContent = share < 1 ? `${Math.round(share * 100)} %` : "being checked";
}

function finish(row, request) {
  const answer = request.response;
  if (request.status === 201 && answer) {
    const holder = document.createElement("template");
    holder.innerHTML = answer.tile.trim();
    const tile = holder.content.firstElementChild;
    tile.classList.add("new");
    grid.prepend(tile);
    count.textContent = `${answer.count} picture${answer.count === 1 ? "" : "s"}`;
    row.remove();
  } else {
    refuse(row, answer?.errors ?? ["The server could not take it. Try it again later."]);
  }
}

function refuse(row, reasons) {
  row.classList.add("refused");
  row.querySelector("progress")?.remove();
  row.querySelector("span").textContent = reasons.join(" ");
}

input.required = false;
input.addEventListener("change", () => {
  add(input.files);
  input.value = "";
});

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
const mark = (on) => document.body.classList.toggle("dragging", on);

addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  mark(true);
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) mark(false);
});
addEventListener("paste", (event) => add(event.clipboardData?.files ?? []));
addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  mark(false);
  add(event.dataTransfer.files);
});
