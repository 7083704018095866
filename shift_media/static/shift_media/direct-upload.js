// Uploads a file to its storage as soon as it is chosen. The form is then sent with a ticket.
// If the upload fails, the form sends the file, as it does without this script. A file that is
// larger or smaller than the field allows, or of another type, is not sent at all.
"use strict";
(() => {
  const HASHING = 0.1; // Share of the progress bar: reading a file is faster than uploading it.

  const upload = (input, file, signal, progress) => shiftMedia.upload(file, {
    endpoint: input.dataset.uploadUrl,
    field: input.dataset.uploadField,
    partsAbove: +input.dataset.uploadParts || undefined,
    headers: { "X-CSRFToken": input.form.elements.csrfmiddlewaretoken?.value ?? "" },
    onprogress: ({ phase, loaded, total }) => {
      const share = loaded / total;
      progress(phase === "hashing" ? share * HASHING : HASHING + share * (1 - HASHING));
    },
    signal,
  });

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
