// The picker of one input: its files are shown, checked, put in order, and uploaded if the field
// takes direct uploads. Without this script the input is a plain one.
//
// It emits "shift-media:change" on the input whenever its files or their states have changed.
"use strict";
(() => {
  const AT_ONCE = 2; // uploads of one input

  class Picker {
    constructor(root) {
      const { limits = "[]", maxFiles } = root.dataset;
      this.root = root;
      this.input = root.querySelector("input[type=file]");
      this.list = root.querySelector(".shift-media-files");
      this.template = root.querySelector("template");
      this.status = root.querySelector(".shift-media-status");
      this.total = root.querySelector(".shift-media-total");
      this.words = new shiftMedia.picker.Words(root);
      this.limits = JSON.parse(limits);
      this.mostFiles = Number(maxFiles ?? Infinity);
      this.isMany = this.input.multiple;
      this.isRequired = this.input.required || "required" in root.dataset;
      this.files = [];
      this.resolvers = [];
      this.replaced = null;
      this.enhance();
      this.keep();
    }

    enhance() {
      const { root, input } = this;
      root.classList.add("shift-media-script");
      const limits = root.querySelector(".shift-media-limits");
      // In a row that was added to a formset, the ids of elements have a number, references none.
      const ids = (input.getAttribute("aria-describedby") ?? "").split(" ");
      const known = ids.filter((id) => id && !id.includes("__prefix__"));
      const described = new Set([...known, ...(limits ? [limits.id] : [])]);
      if (described.size) input.setAttribute("aria-describedby", [...described].join(" "));
      root.querySelector(".shift-media-invite").hidden = input.disabled;
      shiftMedia.order(this.list, {
        items: ".shift-media-file", grip: ".shift-media-grip", onmove: (row) => this.moved(row),
      });
    }

    // Shows uploads of a form that was sent before, and had an error in another field.
    keep() {
      const kept = [...this.list.querySelectorAll(":scope > li:not(.shift-media-file)")];
      const files = kept.map((row) => {
        const file = new shiftMedia.picker.PickedFile(
          this, null, row.querySelector("input").value, row.textContent.trim(),
        );
        file.share = 1;
        const described = row.querySelector("input:not([type=hidden])");
        const text = file.row.querySelector(".shift-media-about input");
        if (text && described) text.value = described.value;
        row.replaceWith(file.row);
        return file;
      });
      this.files = files;
      files.forEach((file) => file.enter("done"));
    }

    newRow() {
      return this.template.content.cloneNode(true).querySelector("li");
    }

    get uploadOptions() {
      const { uploadUrl: endpoint, uploadField: field, uploadParts } = this.root.dataset;
      const token = () => this.input.form?.elements.csrfmiddlewaretoken?.value ?? "";
      const partsAbove = Number(uploadParts) || undefined;
      return { endpoint, field, partsAbove, headers: () => ({ "X-CSRFToken": token() }) };
    }

    get uploads() { return Boolean(this.root.dataset.uploadUrl && shiftMedia.upload); }
    get isBusy() { return this.files.some((file) => file.isPending); }

    // Adds files behind the others, or in place of one, or of the only one.
    add(chosen) {
      const old = this.isMany ? this.replaced : this.files[0] ?? null;
      const at = old ? this.files.indexOf(old) : this.files.length;
      this.replaced = null;
      const files = this.fitting(this.isMany ? chosen : chosen.slice(0, 1), old);
      if (!files.length) return;
      const added = files.map((file) => new shiftMedia.picker.PickedFile(this, file));
      const behind = old ? old.row : null;
      added.forEach((file) => this.list.insertBefore(file.row, behind));
      this.files.splice(at, old ? 1 : 0, ...added);
      old?.remove();
      const clear = this.root.querySelector(".clearable-file-input input");
      if (clear) clear.checked = false;
      if (files.length === chosen.length || !this.isMany) {
        this.say(added.map(({ name }) => this.words.text("added", { name })).join(" "));
      }
      added.forEach((file) => file.check());
    }

    // Returns the files for which there is room, and which are not in the list yet.
    fitting(chosen, old) {
      const isSame = (a, b) => ["name", "size", "lastModified"].every((fact) => a[fact] === b[fact]);
      const rest = this.files.filter((file) => file !== old), messages = [];
      const room = this.mostFiles - rest.filter((file) => !file.isRefused).length;
      const fitting = [];
      chosen.forEach((file) => {
        const { name } = file;
        if (rest.some((other) => other.file && isSame(other.file, file))) {
          messages.push(this.words.text("twice", { name }));
        } else if (fitting.length >= room) {
          messages.push(this.words.text("too_many", { name, limit: this.mostFiles }));
        } else fitting.push(file);
      });
      this.say(messages.join(" "), true);
      return fitting;
    }

    remove(file) {
      const at = this.files.indexOf(file);
      const next = this.files[at + 1] ?? this.files[at - 1];
      const hadFocus = file.row.contains(document.activeElement);
      file.remove();
      this.files.splice(at, 1);
      this.say(this.words.text("removed", { name: file.name }));
      this.emptied();
      if (hadFocus) (next?.button("remove") ?? this.input).focus();
    }

    clear() {
      this.files.forEach((file) => file.remove());
      this.files = [];
      this.say("");
      this.emptied();
    }

    // Tells other scripts, such as that of the focal point, that the only file is gone.
    emptied() {
      this.changed();
      if (!this.isMany) this.input.dispatchEvent(new Event("change", { bubbles: true }));
    }

    move(file, by, button) {
      if (!shiftMedia.move(file.row, by, ".shift-media-file")) return;
      button.focus();
      this.moved(file.row);
    }

    moved(row) {
      const rows = [...this.list.children];
      this.files.sort((a, b) => rows.indexOf(a.row) - rows.indexOf(b.row));
      const place = rows.indexOf(row) + 1;
      const { name } = this.files[place - 1];
      this.say(this.words.text("moved", { name, place, count: rows.length }));
      this.changed();
    }

    // Lets the user choose a file in place of another.
    replace(file) {
      const { accept } = this.input;
      const chooser = Object.assign(document.createElement("input"), { type: "file", accept });
      chooser.addEventListener("change", () => {
        this.replaced = file;
        this.take([...chooser.files].slice(0, 1));
      });
      chooser.click();
    }

    // Gives files to the input as if they had been chosen, so that other scripts see them too.
    take(files) {
      if (this.input.disabled || !files.length) return;
      this.put(files);
      this.input.dispatchEvent(new Event("change", { bubbles: true }));
    }

    put(files) {
      const transfer = new DataTransfer();
      files.forEach((file) => transfer.items.add(file));
      this.input.files = transfer.files;
    }

    // Brings the form up to date, and starts the next uploads.
    changed() {
      const { files, input } = this;
      this.put(files.filter((file) => file.isSentByForm).map(({ file }) => file));
      input.required = this.isRequired && !files.some((file) => !file.isRefused);
      input.setCustomValidity(files.some((file) => file.isRefused) ? this.words.text("refused") : "");
      files.forEach((file) => {
        ["up", "down"].forEach((name) => {
          file.button(name).hidden = !this.isMany || files.length < 2;
        });
      });
      this.showTotal();
      const running = files.filter((file) => file.state === "uploading").length;
      files.filter((file) => file.state === "waiting").slice(0, Math.max(0, AT_ONCE - running))
        .forEach((file) => { if (file.state === "waiting") file.upload(); });
      if (!this.isBusy) this.resolvers.splice(0).forEach((resolve) => resolve());
      input.dispatchEvent(new CustomEvent("shift-media:change", {
        bubbles: true, detail: { count: files.length, isBusy: this.isBusy },
      }));
    }

    showTotal() {
      const { files, total, words } = this;
      total.hidden = !this.isMany || files.length < 2;
      if (total.hidden) return;
      const sum = (of) => files.reduce((all, file) => all + (of(file) || 0), 0);
      const count = words.text("files", { count: words.number(files.length) });
      const facts = [count, words.bytes(sum((file) => file.size))];
      const rate = sum((file) => file.rate), left = sum((file) => (file.isPending ? file.left : 0));
      if (this.uploads && this.isBusy) {
        const share = 1 - left / sum((file) => file.size);
        facts.push(words.percent(share));
        if (rate) facts.push(words.text("remaining", { time: words.seconds(left / rate) }));
      }
      total.querySelector("span").textContent = facts.join(" \u00b7 ");
      const has = (state) => files.some((file) => file.state === state);
      total.querySelector("[data-do=pause]").hidden = !has("uploading");
      total.querySelector("[data-do=resume]").hidden = !has("paused");
    }

    // Says something to screen readers, and shows it if it is about a file that has no row.
    say(text, isShown = false) {
      if (isShown && !text) return;
      this.status.textContent = text;
      this.status.classList.toggle("shift-media-shown", isShown);
    }

    // Says why the form is not sent.
    showRefused() {
      this.say(this.words.text("refused"), true);
      this.files.find((file) => file.isRefused).button("remove").focus();
    }

    // Waits until nothing is under way.
    async settle() {
      this.files.forEach((file) => file.resume());
      this.say(this.words.text("sending"), this.isBusy);
      if (this.isBusy) await new Promise((resolve) => { this.resolvers.push(resolve); });
      this.say("");
    }

    do(button) {
      const { do: action } = button.dataset;
      const file = this.files.find(({ row }) => row.contains(button));
      if (!file && action === "clear") {
        this.clear();
        this.input.focus();
      } else if (!file) this.files.forEach((each) => each[action]());
      else if (action === "up" || action === "down") {
        this.move(file, action === "up" ? -1 : 1, button);
      } else if (action === "remove" || action === "replace") this[action](file);
      else file[action]();
    }
  }

  globalThis.shiftMedia.picker.Picker = Picker;
})();
