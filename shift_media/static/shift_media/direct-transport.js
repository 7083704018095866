// Sends a file to its storage: ticket, bytes, completion. It touches no page, so that any picker
// can use it:
//
//   const run = shiftMedia.upload(file, { endpoint, field, headers, partsAbove, onprogress, signal });
//   run.pause();
//   run.resume();
//   const ticket = await run; // The form is sent with it in place of the file.
//
//   endpoint    URL of the view shift_media:upload
//   field       label of the MediaField: "gallery.photo.image"
//   headers     object, or function that returns one, of headers for the app: X-CSRFToken, say
//   partsAbove  size in bytes from which a file is sent in parts; by default 100 MB
//   onprogress  called with { phase, loaded, total }, in bytes; phase is "hashing", "sending",
//               "waiting" (for the network), "paused", "completing" or "done"
//   signal      of an AbortController, to cancel the upload
//
// The promise is rejected with an Error that has a `code` (that of the app, or "network"), or with
// the reason of the signal. A file that is sent in parts goes on where it was, after a loss of the
// network, and after a reload once the user has chosen the same file again.
"use strict";
(() => {
  const HEAD = 4096; // Bytes by which the server tells the type. The browser goes by the name.
  const PARTS_ABOVE = 100e6;
  const ATTEMPTS = 8; // of one request, before the upload is given up
  const FIRST_ATTEMPTS = 3; // the same, if no byte has arrived: the bucket may refuse this page
  const BACK_OFF = 500; // Milliseconds before the second attempt; doubled each time, with jitter.
  const MOST_BACK_OFF = 30e3;

  const failure = (message, code, isTemporary) => (
    Object.assign(new Error(message), { code, isTemporary })
  );

  const base64 = async (blob) => {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  };

  // One upload: its signal, its pauses, and its progress.
  class Run {
    constructor(file, options) {
      this.file = file;
      this.options = options;
      this.controller = new AbortController();
      this.signal = this.controller.signal; // is aborted by the caller, and by a failure
      this.period = new AbortController(); // until the next pause
      this.paused = null;
      this.phase = "hashing";
      this.hasArrived = false;
      this.loaded = new Map(); // part, or 0 for all of the file → bytes
      options.signal?.addEventListener("abort", () => this.stop(options.signal.reason));
      if (options.signal?.aborted) this.stop(options.signal.reason);
    }

    stop(reason) {
      this.controller.abort(reason);
      this.period.abort(reason);
      this.resume();
    }

    pause = () => {
      if (this.paused || this.phase === "done") return;
      this.paused = {};
      this.paused.over = new Promise((resolve) => { this.paused.end = resolve; });
      this.period.abort(failure("paused", "paused", true));
      this.report();
    };

    resume = () => {
      if (!this.paused) return;
      const { end } = this.paused;
      this.paused = null;
      if (!this.signal.aborted) this.period = new AbortController();
      end();
      this.report();
    };

    enter(phase) {
      this.phase = phase;
      this.report();
    }

    progress(part, bytes) {
      this.loaded.set(part, bytes);
      this.report();
    }

    report(phase = this.paused ? "paused" : this.phase) {
      const loaded = [...this.loaded.values()].reduce((sum, bytes) => sum + bytes, 0);
      this.options.onprogress?.({ phase, loaded, total: this.file.size });
    }

    // Calls a function with the signal of the moment until it succeeds, fails for good, or has
    // failed too often. A pause is no failure.
    async insist(attempt) {
      for (let failed = 0; ; failed += 1) {
        await this.paused?.over;
        this.signal.throwIfAborted();
        const { signal } = this.period;
        try {
          return await attempt(signal);
        } catch (error) {
          this.signal.throwIfAborted();
          const most = this.hasArrived ? ATTEMPTS : FIRST_ATTEMPTS;
          if (signal.aborted) failed = -1;
          else if (!error.isTemporary || failed + 1 >= most) throw error;
          else await this.backOff(failed);
        }
      }
    }

    async backOff(failed) {
      this.report("waiting");
      const delay = Math.min(MOST_BACK_OFF, BACK_OFF * 2 ** failed) * (1 + Math.random());
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, delay);
        this.period.signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); });
      });
      if (navigator.onLine === false) {
        await new Promise((resolve) => {
          addEventListener("online", resolve, { once: true });
          this.period.signal.addEventListener("abort", resolve);
        });
      }
      this.report();
    }

    get appHeaders() {
      const { headers } = this.options;
      return (typeof headers === "function" ? headers() : headers) ?? {};
    }

    // Posts JSON to the app and returns its answer.
    async post(content, signal) {
      const response = await fetch(this.options.endpoint, {
        method: "POST",
        headers: { "Content-Type": "application/json", ...this.appHeaders },
        body: JSON.stringify(content),
        signal,
      }).catch((error) => { throw failure(error.message, "network", true); });
      const answer = await response.json().catch(() => ({}));
      if (response.ok) return answer;
      const isTemporary = response.status >= 500 || [408, 429].includes(response.status);
      const message = answer.message ?? `${response.status} ${response.statusText}`;
      throw Object.assign(failure(message, answer.code ?? "refused", isTemporary), { answer });
    }

    ask(content) {
      return this.insist((signal) => this.post(content, signal));
    }

    // Asks for a ticket.
    async announce(facts) {
      const { name, type, size } = this.file, { field } = this.options;
      const head = await base64(this.file.slice(0, HEAD));
      return this.ask({ field, name, type, size, head, ...facts });
    }

    // Sends bytes, not by fetch, which reports no progress of an upload.
    send(blob, target, part, signal) {
      // A path is a URL of the app, which checks a CSRF token. A bucket would refuse its header.
      const own = target.url.startsWith("/") ? this.appHeaders : {};
      return new Promise((resolve, reject) => {
        const request = new XMLHttpRequest();
        const fail = (message, code) => {
          this.progress(part, 0);
          reject(failure(message, code, true));
        };
        request.open(target.method, target.url);
        Object.entries({ ...target.headers, ...own }).forEach(([name, value]) => (
          request.setRequestHeader(name, value)
        ));
        request.upload.onprogress = (event) => {
          this.hasArrived = true;
          this.progress(part, Math.min(event.loaded, blob.size));
        };
        request.onload = () => {
          if (request.status < 300) {
            this.progress(part, blob.size);
            resolve();
          } else fail(`${request.status} ${request.statusText}`, "refused");
        };
        request.onerror = () => fail(new URL(target.url, location).host, "network");
        request.onabort = () => fail("paused", "paused");
        if (signal.aborted) { fail("paused", "paused"); return; }
        signal.addEventListener("abort", () => request.abort());
        request.send(blob);
      });
    }
  }

  // Sends a file by one request.
  const sendWhole = async (run) => {
    run.enter("hashing");
    const digest = await shiftMedia.sha256(run.file, run.signal, (bytes) => (
      run.options.onprogress?.({ phase: "hashing", loaded: bytes, total: run.file.size })
    ));
    const answer = await run.announce({ sha256: digest });
    run.enter("sending");
    await run.insist((signal) => run.send(run.file, answer, 0, signal));
    return answer.ticket;
  };

  const start = async (run) => {
    run.signal.throwIfAborted();
    const isLarge = run.file.size > (run.options.partsAbove ?? PARTS_ABOVE);
    const ticket = (isLarge && await shiftMedia.sendParts(run)) || await sendWhole(run);
    run.enter("done");
    return ticket;
  };

  const upload = (file, options) => {
    const run = new Run(file, options);
    return Object.assign(start(run), { pause: run.pause, resume: run.resume });
  };

  globalThis.shiftMedia = Object.assign(globalThis.shiftMedia ?? {}, { upload });
})();
