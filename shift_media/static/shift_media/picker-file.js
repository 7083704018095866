// One chosen file: its row in the list, its checks, and its upload.
"use strict";
(() => {
  const HASHING = 0.1; // Share of the progress: reading a file is faster than sending it.
  const SAMPLE_MS = 5000; // The rate is that of the last seconds.
  const REDRAW_MS = 250; // A text that changes more often cannot be read.
  const PLACE = ":file"; // Stands for a file of the form in the list of tickets.

  const BUTTONS = {
    checking: ["remove"],
    refused: ["replace", "remove"],
    ready: ["replace", "remove"],
    waiting: ["remove"],
    uploading: ["pause", "remove"],
    paused: ["resume", "remove"],
    failed: ["retry", "replace", "remove"],
    done: ["replace", "remove"],
  };
  const PENDING = ["checking", "waiting", "uploading", "paused"];
  const SENT_BY_FORM = ["ready", "failed"];

  // Numbers and sentences in the language of the page.
  class Words {
    constructor(root) {
      this.texts = JSON.parse(root.dataset.texts);
      const { lang } = root.closest("[lang]") ?? {};
      try {
        this.locale = Intl.getCanonicalLocales(lang || [])[0];
      } catch {
        this.locale = undefined; // The page names no language that browsers know.
      }
    }

    text(key, values = {}) {
      return this.texts[key].replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
    }

    number(value, options) {
      return new Intl.NumberFormat(this.locale, options).format(value);
    }

    percent(share) {
      return this.number(share, { style: "percent" });
    }

    bytes(size, per = "") {
      const [unit, factor] = [["gigabyte", 1e9], ["megabyte", 1e6], ["kilobyte", 1e3]].find(
        ([, each]) => size >= each,
      ) ?? ["byte", 1];
      const value = size / factor, maximumFractionDigits = value < 10 && factor > 1e3 ? 1 : 0;
      return this.number(value, { style: "unit", unit: unit + per, maximumFractionDigits });
    }

    seconds(seconds) {
      const [unit, factor] = [["hour", 5400, 3600], ["minute", 90, 60]].filter(
        ([, least]) => seconds >= least,
      ).map(([name, , each]) => [name, each])[0] ?? ["second", 1];
      const value = Math.max(1, Math.round(seconds / factor));
      return this.number(value, { style: "unit", unit, unitDisplay: "short" });
    }

    fact(name, facts) {
      if (name === "bytes") return this.bytes(facts.bytes);
      if (name === "seconds") {
        const places = { style: "unit", unit: "second", unitDisplay: "long" };
        return this.number(facts.seconds, { ...places, maximumFractionDigits: 1 });
      }
      return this.text("pixels", facts);
    }
  }

  class PickedFile {
    constructor(picker, file, ticket = "", name = file.name) {
      Object.assign(this, { picker, file, name, ticket });
      this.size = file?.size;
      this.state = "checking";
      this.note = "";
      this.share = 0;
      this.samples = [];
      this.control = new AbortController();
      this.drawn = -Infinity;
      this.row = picker.newRow();
      this.part("name").textContent = name;
      this.part("thumb").dataset.extension = /\.(\w{1,5})$/.exec(name)?.[1] ?? "";
      this.bar = this.row.querySelector("progress");
      this.bar.setAttribute("aria-label", name);
      this.removeTitle = this.button("remove").title;
      this.row.querySelectorAll("[data-do]").forEach((button) => this.entitle(button));
      this.hidden = Object.assign(document.createElement("input"), { type: "hidden" });
      this.row.append(this.hidden);
    }

    part(name) { return this.row.querySelector(`.shift-media-${name}`); }
    button(name) { return this.row.querySelector(`[data-do=${name}]`); }
    entitle(button, title = button.title) {
      button.title = title;
      button.setAttribute("aria-label", `${title}: ${this.name}`);
    }

    get isPending() { return PENDING.includes(this.state); }
    get isSentByForm() { return SENT_BY_FORM.includes(this.state); }
    get isRefused() { return this.state === "refused"; }

    // Checks the file, and says whether it may be sent.
    async check() {
      const { picker, file } = this;
      this.enter("checking");
      if (!shiftMedia.picker.isAccepted(picker.input.accept, file)) {
        this.refuse(picker.words.text("wrong_type"));
        return;
      }
      const broken = (facts) => shiftMedia.picker.brokenLimit(picker.limits, facts, picker.words);
      const early = broken({ bytes: file.size }); // Without a decoder: it may be the wrong file.
      const { facts, preview } = early ? { facts: {} } : await shiftMedia.picker.inspect(file);
      if (this.control.signal.aborted) return;
      if (preview) this.part("thumb").replaceChildren(preview);
      const message = early || broken(facts);
      if (message) this.refuse(message);
      else this.enter(picker.uploads ? "waiting" : "ready");
    }

    refuse(message) {
      this.note = message;
      this.enter("refused");
      this.picker.say(`${this.name}: ${message}`);
    }

    // Uploads the file; the promise is fulfilled in any case.
    async upload() {
      const { picker } = this;
      this.samples = [];
      this.enter("uploading");
      try {
        this.run = shiftMedia.upload(this.file, {
          ...picker.uploadOptions,
          signal: this.control.signal,
          onprogress: (progress) => this.progress(progress),
        });
        this.ticket = await this.run;
        this.share = 1;
        this.note = "";
        this.enter("done");
        picker.say(`${this.name}: ${picker.words.text("done")}`);
      } catch (error) {
        if (this.control.signal.aborted) return;
        if (isRefusal(error)) this.refuse(error.message);
        else this.fail(error);
      }
    }

    fail(error) {
      this.note = `${error.message} ${this.picker.words.text("failed")}`;
      this.enter("failed");
      this.picker.say(`${this.name}: ${this.note}`);
    }

    progress({ phase, loaded, total }) {
      if (this.state !== "uploading" && this.state !== "paused") return;
      const now = performance.now();
      if (phase !== this.phase) this.drawn = -Infinity;
      this.phase = phase;
      if (phase === "sending") {
        this.share = HASHING + loaded / total * (1 - HASHING);
        this.samples.push([now, loaded]);
        while (now - this.samples[0][0] > SAMPLE_MS) this.samples.shift();
      } else if (phase === "hashing") this.share = loaded / total * HASHING;
      this.bar.value = this.share;
      if (now - this.drawn < REDRAW_MS) return;
      this.drawn = now;
      this.showFacts();
      this.picker.showTotal();
    }

    // Bytes for each second, or 0 if that is not known.
    get rate() {
      if (this.state !== "uploading" || this.samples.length < 2) return 0;
      const [[from, first], [to, last]] = [this.samples[0], this.samples.at(-1)];
      return to > from ? Math.max(0, (last - first) / (to - from) * 1e3) : 0;
    }

    get left() { return this.size * (1 - this.share); }

    pause() {
      if (this.state !== "uploading") return;
      this.run.pause();
      this.enter("paused");
    }

    resume() {
      if (this.state !== "paused") return;
      this.samples = [];
      this.enter("uploading");
      this.run.resume();
    }

    retry() {
      if (this.state === "failed") this.enter("waiting");
    }

    // Cancels what is under way and removes the row.
    remove() {
      this.control.abort();
      this.row.remove();
    }

    enter(state) {
      this.state = state;
      this.show();
      this.picker.changed();
    }

    show() {
      const { row, state, picker } = this;
      row.dataset.state = state;
      const isMovable = picker.isMany && picker.files.length > 1;
      const shown = [...BUTTONS[state], ...(isMovable ? ["up", "down"] : [])];
      const focused = document.activeElement;
      row.querySelectorAll("[data-do]").forEach((button) => {
        button.hidden = !shown.includes(button.dataset.do)
          || (button.dataset.do === "replace" && picker.input.disabled);
      });
      const { cancel } = picker.words.texts;
      this.entitle(this.button("remove"), this.isPending ? cancel : this.removeTitle);
      // The focus would be lost with the button that had it.
      if (row.contains(focused) && focused.hidden) this.button(shown[0]).focus();
      this.bar.hidden = !["uploading", "paused"].includes(state);
      this.bar.value = this.share;
      this.hidden.name = `${picker.input.name}-upload`;
      this.hidden.value = this.isSentByForm ? PLACE : this.ticket;
      this.hidden.disabled = !(state === "done" || (picker.isMany && this.isSentByForm));
      row.querySelectorAll(".shift-media-about input").forEach((input) => {
        input.disabled = this.isRefused;
      });
      this.showFacts();
    }

    showFacts() {
      const { words } = this.picker;
      const facts = this.size === undefined ? [] : [words.bytes(this.size)];
      if (this.note) facts.push(this.note);
      else if (this.state === "uploading" && this.phase === "sending") {
        facts.push(words.percent(this.share));
        if (this.rate) {
          facts.push(words.bytes(this.rate, "-per-second"));
          facts.push(words.text("remaining", { time: words.seconds(this.left / this.rate) }));
        }
      } else facts.push(words.text(this.phaseText));
      const text = facts.join(" \u00b7 ");
      const place = this.part("facts");
      if (place.textContent !== text) place.textContent = text;
    }

    get phaseText() {
      if (this.state !== "uploading") return this.state;
      return { waiting: "offline", completing: "completing" }[this.phase] ?? "hashing";
    }
  }

  // Whether the app has refused the file itself, which the form would send for the same answer.
  const isRefusal = ({ code, isTemporary }) => (
    Boolean(code) && !isTemporary
    && !["network", "refused", "forbidden", "paused"].includes(code) && !code.startsWith("upload_")
  );

  Object.assign(globalThis.shiftMedia.picker, { PickedFile, Words });
})();
