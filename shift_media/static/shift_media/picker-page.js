// What happens on a page with pickers: choosing, dropping, pasting, clicks and keys, and sending the
// form. Inputs that are added to the page later are pickers too.
"use strict";
(() => {
  const ROOTS = ".shift-media-input";
  const pickers = new Map(); // element → Picker

  const pickerOf = (element) => pickers.get(element?.closest?.(ROOTS));

  // Only files, not folders, and not a picture that is dragged from the page itself.
  const filesOf = (transfer) => [...transfer.items].filter((item) => (
    item.kind === "file" && !item.webkitGetAsEntry?.()?.isDirectory
  )).map((item) => item.getAsFile()).filter(Boolean);
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  const mark = (root) => pickers.forEach((_, each) => {
    each.classList.toggle("shift-media-over", each === root);
  });

  // On the window, because it empties the input, in which listeners of the document find the file.
  addEventListener("change", (event) => {
    const picker = pickerOf(event.target);
    if (picker && event.target === picker.input) picker.add([...picker.input.files]);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(`${ROOTS} [data-do]`);
    if (button) pickerOf(button)?.do(button);
  });
  document.addEventListener("keydown", (event) => {
    const button = event.target.closest?.(".shift-media-file :is([data-do=up], [data-do=down])");
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!button || !by) return;
    event.preventDefault();
    const picker = pickerOf(button);
    picker.move(picker.files.find(({ row }) => row.contains(button)), by, button);
  });
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    const picker = pickerOf(event.target);
    const isElsewhere = !picker && !event.target.closest?.("input[type=file]");
    mark(picker?.root);
    if (event.defaultPrevented) return; // Another part of the page takes the files.
    // A file that misses the picker would open in place of the page, and the form would be lost.
    if (picker || isElsewhere) event.preventDefault();
    if (isElsewhere) event.dataTransfer.dropEffect = "none";
  });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) mark(null); });
  document.addEventListener("drop", (event) => {
    mark(null);
    const picker = pickerOf(event.target);
    if (!picker || !hasFiles(event)) return;
    event.preventDefault();
    picker.take(filesOf(event.dataTransfer));
  });
  document.addEventListener("paste", (event) => {
    const files = [...event.clipboardData?.files ?? []];
    const isText = event.target.closest?.("input:not([type=file]), textarea, [contenteditable]");
    const only = pickers.size === 1 && !isText ? [...pickers.values()][0] : undefined;
    const picker = pickerOf(event.target) ?? only;
    if (!files.length || !picker) return;
    event.preventDefault();
    picker.take(files);
  });

  // A form is submitted after its uploads, and only once, even if the user clicks again. This
  // listener captures the event, because other listeners must not see an incomplete form.
  const postponed = new WeakSet();
  document.addEventListener("submit", (event) => {
    const { target: form, submitter } = event;
    const own = [...pickers.values()].filter((each) => each.input.form === form);
    // Browsers do not check the forms of Django's admin, which would be sent without these files.
    const refusing = own.find((each) => each.files.some((file) => file.isRefused));
    if (refusing && form.noValidate && !submitter?.formNoValidate) {
      event.preventDefault();
      event.stopImmediatePropagation();
      refusing.showRefused();
      return;
    }
    const busy = own.filter((each) => each.isBusy);
    if (!busy.length && !postponed.has(form)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (postponed.has(form)) return;
    postponed.add(form);
    Promise.all(busy.map((picker) => picker.settle())).then(() => {
      postponed.delete(form);
      form.requestSubmit(submitter?.isConnected ? submitter : null);
    });
  }, true);
  document.addEventListener("reset", (event) => {
    pickers.forEach((picker) => { if (picker.input.form === event.target) picker.clear(); });
  });
  addEventListener("online", () => {
    pickers.forEach(({ files }) => files.forEach((file) => file.retry()));
  });

  // The form that is the pattern of new rows in Django's admin is copied, not used.
  const start = () => {
    [...pickers.keys()].filter((root) => !root.isConnected).forEach((root) => pickers.delete(root));
    document.querySelectorAll(ROOTS).forEach((root) => {
      const isPattern = root.closest(".empty-form") || !root.querySelector("template");
      if (!pickers.has(root) && !isPattern) pickers.set(root, new shiftMedia.picker.Picker(root));
    });
  };
  const isRoot = (node) => node.matches?.(ROOTS) || node.querySelector?.(ROOTS);
  new MutationObserver((changes) => {
    if (changes.some(({ addedNodes }) => [...addedNodes].some(isRoot))) start();
  }).observe(document, { childList: true, subtree: true });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
