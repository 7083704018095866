// Uploads a file to its storage as soon as it is chosen. The form is then sent with a ticket.
// If the upload fails, the form sends the file, as it does without this script. A file that is
// larger or smaller than the field allows, or of another type, is not sent at all.
"use strict";
(() => {
  const SLICE = 4 << 20; // Bytes that are read and hashed at once.
  const HEAD = 4096; // Bytes by which the server tells the type. The browser goes by the name.
  const HASHING = 0.1; // Share of the progress bar: reading a file is faster than uploading it.

  // SHA-256 (FIPS 180-4) in pieces, because a video may be larger than memory. crypto.subtle needs
  // all bytes at once.
  const fraction = (root) => ((root % 1) * 2 ** 32) | 0;
  const primes = [];
  for (let n = 2; primes.length < 64; n += 1) if (primes.every((p) => n % p)) primes.push(n);
  const ROUNDS = Int32Array.from(primes, (p) => fraction(Math.cbrt(p)));
  const FIRST = Int32Array.from(primes.slice(0, 8), (p) => fraction(Math.sqrt(p)));

  class Sha256 {
    state = FIRST.slice();
    words = new Int32Array(64);
    rest = new Uint8Array(0);
    length = 0;

    update(bytes) {
      this.length += bytes.length;
      const all = new Uint8Array(this.rest.length + bytes.length);
      all.set(this.rest);
      all.set(bytes, this.rest.length);
      const view = new DataView(all.buffer);
      let at = 0;
      for (; at + 64 <= all.length; at += 64) this.block(view, at);
      this.rest = all.slice(at);
      return this;
    }

    block(view, at) {
      const { state, words: w } = this;
      for (let i = 0; i < 16; i += 1) w[i] = view.getInt32(at + 4 * i);
      for (let i = 16; i < 64; i += 1) {
        const x = w[i - 15], y = w[i - 2];
        const s0 = (x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ (x >>> 3);
        const s1 = (y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ (y >>> 10);
        w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
      }
      let a = state[0], b = state[1], c = state[2], d = state[3];
      let e = state[4], f = state[5], g = state[6], h = state[7];
      for (let i = 0; i < 64; i += 1) {
        const s1 = (e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7);
        const t1 = (h + s1 + ((e & f) ^ (~e & g)) + ROUNDS[i] + w[i]) | 0;
        const s0 = (a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10);
        const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        h = g; g = f; f = e; e = (d + t1) | 0;
        d = c; c = b; b = a; a = (t1 + t2) | 0;
      }
      state[0] += a; state[1] += b; state[2] += c; state[3] += d;
      state[4] += e; state[5] += f; state[6] += g; state[7] += h;
    }

    hex() {
      const bytes = this.length;
      const end = new DataView(new ArrayBuffer((119 - bytes % 64) % 64 + 9));
      end.setUint8(0, 0x80);
      end.setUint32(end.byteLength - 8, Math.floor(bytes / 2 ** 29));
      end.setUint32(end.byteLength - 4, (bytes % 2 ** 29) * 8);
      this.update(new Uint8Array(end.buffer));
      return Array.from(this.state, (v) => (v >>> 0).toString(16).padStart(8, "0")).join("");
    }
  }

  const sha256 = async (file, signal, progress) => {
    const digest = new Sha256();
    for (let at = 0; at < file.size; at += SLICE) {
      digest.update(new Uint8Array(await file.slice(at, at + SLICE).arrayBuffer()));
      signal.throwIfAborted();
      progress(Math.min(1, (at + SLICE) / file.size));
    }
    return digest.hex();
  };

  // Not by fetch, which reports no progress of an upload.
  const send = (file, target, headers, signal, progress) => new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(target.method, target.url);
    Object.entries(headers).forEach(([name, value]) => request.setRequestHeader(name, value));
    request.upload.onprogress = (event) => progress(event.loaded / file.size);
    request.onload = () => {
      if (request.status < 300) resolve();
      else reject(new Error(`${request.status} ${request.statusText}`));
    };
    request.onerror = () => reject(new Error(new URL(target.url, location).host));
    signal.addEventListener("abort", () => { request.abort(); reject(signal.reason); });
    request.send(file);
  });

  const base64 = async (blob) => {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  };

  const upload = async (input, file, signal, progress) => {
    const digest = await sha256(file, signal, (share) => progress(share * HASHING));
    const csrf = { "X-CSRFToken": input.form.elements.csrfmiddlewaretoken?.value ?? "" };
    const response = await fetch(input.dataset.uploadUrl, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...csrf },
      body: JSON.stringify({
        field: input.dataset.uploadField, name: file.name, type: file.type, size: file.size,
        sha256: digest, head: await base64(file.slice(0, HEAD)),
      }),
      signal,
    });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(answer.message ?? `${response.status} ${response.statusText}`);
    // A path is a URL of the app, which checks the CSRF token. A bucket would refuse its header.
    const headers = answer.url.startsWith("/") ? { ...answer.headers, ...csrf } : answer.headers;
    const sent = (share) => progress(HASHING + share * (1 - HASHING));
    await send(file, answer, headers, signal, sent);
    return answer.ticket;
  };

  const running = new Map(); // file input → { stop, done }

  const ticketOf = (input) => input.form.elements[`${input.name}-upload`];
  const statusOf = (input) => input.parentElement.querySelector(".shift-media-upload");
  const show = (input, text, share, failed = false) => {
    const status = statusOf(input), bar = status.querySelector("progress");
    status.hidden = text === "";
    status.classList.toggle("shift-media-upload-failed", failed);
    bar.hidden = failed;
    bar.value = share;
    const label = status.querySelector("span");
    // An assignment of the same text would make screen readers read it again.
    if (label.textContent !== text) label.textContent = text;
  };

  const stop = (input) => {
    running.get(input)?.stop();
    running.delete(input);
    ticketOf(input).value = "";
    if (input.dataset.uploadRequired) input.required = true;
    show(input, "", 0);
  };

  const start = async (input, file, signal) => {
    const progress = (share) => show(input, file.name, share);
    progress(0);
    try {
      ticketOf(input).value = await upload(input, file, signal, progress);
      if (input.required) input.dataset.uploadRequired = "yes";
      input.required = false;
      input.value = ""; // The form sends the ticket instead.
      show(input, `${file.name} \u2713`, 1);
    } catch (error) {
      if (signal.aborted) return;
      show(input, `${file.name}: ${error.message} ${statusOf(input).dataset.failed}`, 0, true);
    }
  };

  // By the name and the type that the browser guesses from it: files that are dropped on an input
  // are not filtered by "accept". The server goes by the bytes.
  const isAccepted = (input, file) => {
    const accepted = input.accept.toLowerCase().split(",").map((item) => item.trim());
    const name = file.name.toLowerCase(), type = file.type.toLowerCase();
    const isUnknown = !type || !name.includes(".") || !input.accept;
    return isUnknown || accepted.some((item) => (
      item.startsWith(".") ? name.endsWith(item)
        : item.endsWith("/*") ? type.startsWith(item.slice(0, -1)) : type === item
    ));
  };

  // Returns why a file is refused, or nothing.
  const refusal = (input, file) => {
    const { uploadLimit: most, uploadLeast: least, ...messages } = input.dataset;
    if (!isAccepted(input, file)) return messages.uploadWrongType;
    if (most && file.size > +most) return messages.uploadTooLarge;
    if (least && file.size < +least) return messages.uploadTooSmall;
    return "";
  };

  const UPLOAD_INPUTS = "input[type=file][data-upload-url]";
  document.addEventListener("change", (event) => {
    const input = event.target;
    if (!input.matches?.(UPLOAD_INPUTS) || !input.form) return;
    stop(input);
    if (!input.files.length) return;
    const [file] = input.files, message = refusal(input, file);
    if (message) {
      input.value = ""; // The form would send all of the file, only to be refused.
      show(input, `${file.name}: ${message}`, 0, true);
      return;
    }
    const controller = new AbortController();
    const done = start(input, file, controller.signal).finally(() => {
      if (running.get(input)?.done === done) running.delete(input);
    });
    running.set(input, { stop: () => controller.abort(), done });
  });
  // A form is submitted after its uploads, and only once, even if the user clicks again. This
  // listener captures the event, because other listeners must not see an incomplete form.
  const postponed = new WeakSet();
  document.addEventListener("submit", (event) => {
    const { target: form, submitter } = event;
    const runs = [...running].filter(([input]) => input.form === form).map(([, run]) => run.done);
    if (!runs.length && !postponed.has(form)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (postponed.has(form)) return;
    postponed.add(form);
    Promise.all(runs).then(() => {
      postponed.delete(form);
      form.requestSubmit(submitter);
    });
  }, true);
  document.addEventListener("reset", (event) => {
    event.target.querySelectorAll(UPLOAD_INPUTS).forEach(stop);
  });
})();
