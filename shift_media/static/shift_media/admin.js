// The admin: jobs of videos that are asked for again, buttons that act without leaving the form,
// actions with progress, and files dropped above a list. Without it the same forms are posted.
"use strict";
(() => {
  const PAUSE = 2000; // milliseconds between two questions for the state of a job
  const MOST_AT_ONCE = 2;
  const ask = (url, options = {}) => fetch(url, {
    credentials: "same-origin", ...options,
    headers: { "X-Requested-With": "fetch", ...options.headers },
  });
  const tokenOf = (form) => form.querySelector("[name=csrfmiddlewaretoken]").value;

  // The jobs of a video. The server renders them; what has the focus keeps it.
  const replace = (part, html) => {
    const template = document.createElement("template");
    template.innerHTML = html.trim();
    const next = template.content.firstElementChild;
    if (!next?.matches(".shift-media-jobs")) return part;
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    const player = part.querySelector("video, audio");
    const fresh = next.querySelector("video, audio");
    const sources = (each) => each && [...each.querySelectorAll("source")].map((s) => s.src).join() + each.src;
    if (player && fresh && sources(player) === sources(fresh)) {
      fresh.replaceWith(player); // It may be playing.
    }
    const second = part.querySelector("[name=poster]")?.value;
    part.replaceWith(next);
    const input = next.querySelector("[name=poster]");
    if (input && second) input.value = second;
    if (focused?.name) {
      const again = [...next.querySelectorAll(`[name="${CSS.escape(focused.name)}"]`)];
      (again.find((each) => each.value === focused.value) ?? again[0])?.focus();
    }
    label(next);
    return next;
  };
  const watch = (part) => {
    if (!part.hasAttribute("data-live")) return;
    setTimeout(async () => {
      if (!part.isConnected) return;
      let next = part;
      try {
        const answer = document.hidden ? null : await ask(part.dataset.url);
        if (answer?.ok && !answer.redirected) {
          const html = await answer.text();
          if (part.isConnected) next = replace(part, html);
        }
      } catch {
        // The network is away; it is asked again.
      }
      watch(next);
    }, PAUSE);
  };
  const label = (part) => {
    const button = part.querySelector("[value=poster]");
    if (button && part.querySelector("video")) {
      button.textContent = button.dataset.here;
      part.querySelector("[name=poster]").closest("label").hidden = true;
    }
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.(".shift-media-jobs [name=do]");
    if (!button) return;
    const part = button.closest(".shift-media-jobs");
    const data = new FormData();
    const video = part.querySelector("video");
    data.set("csrfmiddlewaretoken", tokenOf(button.form));
    data.set("do", button.value === "poster" && video ? `poster ${video.currentTime}` : button.value);
    if (!video) data.set("poster", part.querySelector("[name=poster]")?.value ?? "");
    event.preventDefault();
    button.disabled = true;
    try {
      const answer = await ask(part.dataset.url, { method: "POST", body: data });
      if (!answer.ok || answer.redirected) throw new Error(answer.status);
      watch(replace(part, await answer.text()));
    } catch {
      button.disabled = false;
      button.classList.add("shift-media-job-error");
    }
  });

  // An action on many rows, in parts.
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches?.(".shift-media-action")) return;
    event.preventDefault();
    const shown = form.parentElement.querySelector(".shift-media-progress");
    const bar = shown.querySelector("progress");
    const status = shown.querySelector("[role=status]");
    const failures = shown.querySelector(".shift-media-failures");
    const counts = {};
    const data = new FormData(form);
    let stopped = false;
    const say = (text = "") => {
      const numbers = Object.entries(counts).map(([name, number]) => `${form.dataset[name]}: ${number}`);
      status.textContent = [...numbers, text].filter(Boolean).join(" · ");
    };
    shown.querySelector(".shift-media-stop").addEventListener("click", () => { stopped = true; });
    form.hidden = true;
    shown.hidden = false;
    let after = "";
    let text = "";
    while (after !== null && !stopped) {
      data.set("after", after);
      try {
        const answer = await ask(location.href, { method: "POST", body: data });
        if (!answer.ok || answer.redirected) throw new Error(answer.status);
        const part = await answer.json();
        for (const [name, number] of Object.entries(part.counts)) counts[name] = (counts[name] ?? 0) + number;
        for (const failure of part.failures) failures.append(Object.assign(document.createElement("li"), { textContent: failure }));
        bar.value = form.dataset.number - part.left;
        after = part.after;
        say();
      } catch {
        text = form.dataset.broken;
        break;
      }
    }
    if (stopped && after !== null) text = form.dataset.stopped;
    say(text);
    shown.querySelector(".shift-media-stop").hidden = true;
  });

  // Files dropped above a list: some at once, each with its progress.
  const enable = (area) => {
    const list = area.querySelector(".shift-media-dropped");
    const input = area.querySelector("[type=file]");
    const waiting = [];
    let running = 0;
    let added = 0;
    area.querySelector("[type=submit]").hidden = true;

    const next = () => {
      while (running < MOST_AT_ONCE && waiting.length) waiting.shift()();
      if (running || waiting.length || !added) return;
      const status = area.querySelector(".shift-media-drop-status");
      const link = Object.assign(document.createElement("a"), { href: location.href, textContent: area.dataset.reload });
      status.replaceChildren(link);
    };
    const send = (file) => {
      const row = document.createElement("li");
      const name = Object.assign(document.createElement("span"), { textContent: file.name, className: "shift-media-dropped-name" });
      const bar = Object.assign(document.createElement("progress"), { max: 1, value: 0 });
      const button = Object.assign(document.createElement("button"), { type: "button", className: "button", textContent: area.dataset.cancel });
      bar.setAttribute("aria-label", file.name);
      row.append(name, bar, button);
      list.append(row);
      let request = null;
      const control = new AbortController();
      const fail = (text) => {
        bar.remove();
        row.append(Object.assign(document.createElement("span"), { textContent: text, className: "shift-media-job-error" }));
        button.textContent = area.dataset.retry;
        button.onclick = () => { row.remove(); send(file); };
      };
      button.onclick = () => {
        const place = waiting.indexOf(begin);
        if (place >= 0) waiting.splice(place, 1);
        row.remove();
        control.abort();
        request?.abort();
      };
      const finish = (answer) => {
        running -= 1;
        const [made] = answer?.added ?? [];
        if (made) {
          added += 1;
          const link = Object.assign(document.createElement("a"), { href: made.url, textContent: made.name });
          const picture = document.createElement("template");
          picture.innerHTML = made.thumbnail; // rendered and escaped by the server
          row.replaceChildren(picture.content, link);
        } else if (row.isConnected) fail(answer?.errors?.[0] ?? area.dataset.broken);
        next();
      };
      const post = (ticket) => {
        request = new XMLHttpRequest(); // fetch has no progress of what is sent
        const data = new FormData();
        data.set("csrfmiddlewaretoken", tokenOf(area));
        if (ticket) data.set("file-upload", ticket);
        else data.set("file", file);
        request.upload.onprogress = (event) => {
          if (!ticket && event.lengthComputable) bar.value = event.loaded / event.total;
        };
        request.onloadend = () => {
          let answer = null;
          try { answer = JSON.parse(request.responseText); } catch { answer = null; }
          finish(answer);
        };
        request.open("POST", area.action);
        request.setRequestHeader("X-Requested-With", "fetch");
        request.send(data);
      };
      // Into the bucket, where the field takes direct uploads, and then only the ticket to the app.
      const begin = async () => {
        running += 1;
        const { uploadUrl: endpoint, uploadField: field, uploadParts } = area.dataset;
        if (!endpoint || !window.shiftMedia?.upload) {
          post();
          return;
        }
        try {
          const ticket = await shiftMedia.upload(file, {
            endpoint, field, partsAbove: Number(uploadParts) || undefined, signal: control.signal,
            headers: () => ({ "X-CSRFToken": tokenOf(area) }),
            onprogress: ({ phase, loaded, total }) => {
              if (phase !== "hashing") bar.value = loaded / total;
            },
          });
          post(ticket);
        } catch (error) {
          if (control.signal.aborted) finish(null);
          else if (error.code && error.code !== "network") finish({ errors: [error.message] });
          else post();
        }
      };
      if (area.dataset.limit && file.size > +area.dataset.limit) {
        fail(area.dataset.tooLarge);
        button.remove();
        return;
      }
      waiting.push(begin);
      next();
    };
    const take = (files) => { for (const file of files) send(file); };
    input.addEventListener("change", () => {
      take(input.files);
      input.value = "";
    });
    area.addEventListener("submit", (event) => event.preventDefault());
    for (const kind of ["dragenter", "dragover"]) {
      area.addEventListener(kind, (event) => {
        event.preventDefault();
        area.classList.add("shift-media-drop-over");
      });
    }
    for (const kind of ["dragleave", "drop"]) {
      area.addEventListener(kind, () => area.classList.remove("shift-media-drop-over"));
    }
    area.addEventListener("drop", (event) => {
      event.preventDefault();
      take(event.dataTransfer.files);
    });
  };

  const start = () => {
    document.querySelectorAll(".shift-media-drop").forEach(enable);
    document.querySelectorAll(".shift-media-jobs").forEach((part) => {
      label(part);
      watch(part);
    });
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
