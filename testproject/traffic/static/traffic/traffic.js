// The panel of requests: which servers were sent requests for a picture, and their responses.

const panel = document.getElementById("traffic");
const list = panel.querySelector(".resizes");
const chosen = panel.querySelector(".chosen");
const story = panel.querySelector(".story");
const hint = panel.querySelector(".hint");
const { bucket, requests: source } = panel.dataset;
const POLL = 700; // milliseconds

const visits = new Map(); // key → visits, each a list of requests that follow each other
const rows = new Map(); // key → its row in the list
let place = 0;
let current = null;
let loads = 0;

const make = (name, text = "", kind = "") => {
  const element = document.createElement(name);
  element.textContent = text;
  if (kind) element.className = kind;
  return element;
};
const keyOf = (url) => (url.startsWith(bucket) ? url.slice(bucket.length).split("#")[0] : "");
const shorten = (url) => url.replace(/([0-9a-f]{4})[0-9a-f]{4}(\/[0-9a-f]{4}){3}\/[0-9a-f]{12}\/[^/]+\//, "$1…/")
  .replace(/-([0-9a-f]{6})[0-9a-f]{26}\./, "-$1….");
const isRedirect = (entry) => entry.status >= 300 && entry.status < 400 && entry.location;

function label(image) {
  const heading = image.closest(".card")?.querySelector("h3")?.firstChild.textContent.trim();
  return image.closest("#picture") ? "the large picture" : heading || "a resize";
}

// List the resizes that this page shows now, because forms may have changed them.
function collect() {
  const seen = new Set();
  for (const image of document.querySelectorAll("main img")) {
    const key = keyOf(image.currentSrc || image.src);
    if (!/upscale-/.test(key) || panel.contains(image) || seen.has(key)) continue;
    seen.add(key);
    const row = rows.get(key) ?? add(key, image);
    if (image.complete && image.naturalWidth && !row.thumb.src) row.thumb.src = image.currentSrc;
  }
  for (const [key, row] of rows) {
    row.item.hidden = !seen.has(key);
  }
}

function add(key, image) {
  const item = make("li");
  const button = make("button", "", "pick");
  button.type = "button";
  const thumb = make("img");
  thumb.alt = "";
  const words = make("span");
  const state = make("span", "", "quiet");
  words.append(make("b", label(image)), state);
  button.append(thumb, words);
  button.addEventListener("click", () => choose(key));
  item.append(button);
  list.append(item);
  const row = { item, button, thumb, state, name: label(image) };
  rows.set(key, row);
  return row;
}

function choose(key) {
  current = key;
  for (const [other, row] of rows) row.button.setAttribute("aria-pressed", String(other === key));
  chosen.hidden = false;
  chosen.querySelector("h3").textContent = rows.get(key).name;
  show();
}

// A click on a picture anywhere on the page chooses it.
document.addEventListener("click", (event) => {
  const image = event.target.closest("main img, #picture");
  if (!image || panel.contains(image)) return;
  const seen = image.matches("img") ? image : image.querySelector("img");
  const key = keyOf(seen.currentSrc || seen.src);
  if (rows.has(key)) choose(key);
});

// Add a request to the visit whose redirect led to it, or start a new visit.
function record(entry) {
  const entries = visits.get(entry.key) ?? [];
  visits.set(entry.key, entries);
  const last = entries.at(-1);
  if (last && isRedirect(last.at(-1)) && entry.server !== "you") last.push(entry);
  else entries.push([entry]);
}

function meaning(visit) {
  const steps = visit.map((entry) => `${entry.server} ${entry.status}`).join(", ");
  if (visit[0].server === "you") return "Deleted from the bucket.";
  if (/^bucket 20\d$/.test(steps)) return "In the bucket: the app got no request.";
  if (/^bucket 304$/.test(steps)) return "Unchanged: the browser uses its own copy, and the app got no request.";
  if (/^bucket 30[27], app 302, bucket 200$/.test(steps)) return "Missing: the app made it, stored it and redirected the browser back.";
  if (/^bucket 30[27], app 200$/.test(steps)) return "Missing: the app answered with the picture itself, so that redirects cannot loop.";
  if (isRedirect(visit.at(-1))) return "In progress …";
  return "";
}

function step(entry) {
  const item = make("li", "", entry.server);
  const line = make("p");
  line.append(make("span", entry.server, "who"), " ", make("code", `${entry.method} ${shorten(entry.path)}`));
  const answer = make("p", "", "answer");
  answer.append(make("b", String(entry.status), `status s${String(entry.status)[0]}`));
  if (entry.location) answer.append(" to ", make("code", shorten(entry.location)));
  answer.append(make("span", `${entry.ms} ms`, "quiet ms"));
  item.append(line, answer);
  return item;
}

function show() {
  const recent = visits.get(current) ?? [];
  story.replaceChildren(...recent.slice(-6).reverse().map((visit) => {
    const item = make("li", "", "visit");
    const steps = make("ol");
    const at = new Date(visit[0].at * 1000).toLocaleTimeString("en-GB");
    const heading = make("p", "", "meaning");
    heading.append(make("time", at, "quiet"), " ", meaning(visit));
    item.append(heading);
    if (visit[0].server !== "you") {
      steps.append(...visit.map(step));
      item.append(steps);
    }
    return item;
  }));
  hint.textContent = current && !recent.length ? "No request yet: the browser had it in its cache. Load it to request it again." : "Choose a picture to see the requests for it.";
  hint.hidden = recent.length > 0;
}

function states() {
  for (const [key, row] of rows) {
    const last = visits.get(key)?.at(-1)?.at(-1);
    const gone = last?.server === "you";
    row.item.classList.toggle("gone", gone);
    row.state.textContent = gone ? "deleted" : last ? visits.get(key).at(-1).map((entry) => entry.status).join(" → ") : "not requested";
  }
}

async function poll() {
  collect();
  const after = place;
  try {
    const answer = await (await fetch(`${source}?after=${after}`)).json();
    if (place !== after) return; // Another poll, of a button or the timer, recorded them already.
    place = answer.place;
    answer.entries.forEach(record);
    if (answer.entries.some((entry) => entry.key === current)) show();
    states();
    if (!current && rows.size) choose(rows.keys().next().value);
  } catch {
    // The server was stopped or is busy: the next poll tries again.
  }
}

// Load the picture past the browser's cache, and follow every redirect.
async function load() {
  const key = current;
  await fetch(bucket + key, { mode: "no-cors", cache: "reload" }).catch(() => {});
  rows.get(key).thumb.src = `${bucket}${key}#${++loads}`;
  await poll();
}

async function remove() {
  const body = new FormData();
  body.set("key", current);
  body.set("csrfmiddlewaretoken", panel.querySelector("[name=csrfmiddlewaretoken]").value);
  await fetch(panel.dataset.delete, { method: "POST", body });
  await poll();
}

async function turn(button, action) {
  button.disabled = true;
  await action();
  button.disabled = false;
}

chosen.querySelector("[data-load]").addEventListener("click", (event) => turn(event.target, load));
chosen.querySelector("[data-delete]").addEventListener("click", (event) => turn(event.target, remove));

(async function watch() {
  if (!document.hidden) await poll();
  setTimeout(watch, POLL);
})();
