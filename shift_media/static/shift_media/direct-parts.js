// Sends a large file in parts, for direct-transport.js: several at once, each hashed, signed by the
// app and compared by the storage. The ticket is kept in the browser until the upload is complete,
// so that it goes on after a reload, once the user has chosen the same file again.
"use strict";
(() => {
  const PARALLEL = 4;
  const ROUNDS = 3; // of parts that are missing when the upload is completed
  const FIRST = 64 << 10; // Bytes by which a file is recognised, beside its name, size and time.
  const STORE = "shift-media-upload:";

  // The browser may forbid to keep anything. Then an upload does not outlive its page.
  const keep = (key, ticket) => { try { localStorage.setItem(key, ticket); } catch { /* */ } };
  const forget = (key) => { try { localStorage.removeItem(key); } catch { /* */ } };
  const recall = (key) => { try { return localStorage.getItem(key); } catch { return null; } };

  const keyOf = async ({ file, options }) => {
    const { name, size, lastModified } = file;
    const first = await shiftMedia.md5(file.slice(0, FIRST));
    return STORE + JSON.stringify([options.field, name, size, lastModified, first]);
  };

  // Two uploads of the same file, in one page or in two, are two uploads.
  const running = new Set();
  const alone = async (key, work) => {
    if (running.has(key)) return work(false);
    running.add(key);
    try {
      if (!navigator.locks) return await work(true);
      return await navigator.locks.request(key, { ifAvailable: true }, (lock) => work(!!lock));
    } finally {
      running.delete(key);
    }
  };

  // Returns an upload that was begun earlier, or nothing.
  const resumed = async (run, key) => {
    const ticket = recall(key);
    if (!ticket) return null;
    try {
      const { part_size: partSize, parts } = await run.ask({ action: "list", ticket });
      return { ticket, partSize, stored: parts };
    } catch (error) {
      if (error.isTemporary || run.signal.aborted) throw error;
      return null; // It has expired, or another user has begun it.
    }
  };

  const begun = async (run) => {
    const { ticket, part_size: partSize } = await run.announce({ parts: true });
    return { ticket, partSize, stored: [] };
  };

  const sendPart = async (run, { ticket, partSize }, number) => {
    const blob = run.file.slice((number - 1) * partSize, number * partSize);
    const md5 = await shiftMedia.md5(blob, run.signal);
    await run.insist(async (signal) => {
      const target = await run.post({ action: "sign", ticket, number, md5 }, signal);
      await run.send(blob, target, number, signal);
    });
  };

  const sendAll = async (run, upload, numbers) => {
    const left = [...numbers];
    const work = async () => {
      while (left.length) await sendPart(run, upload, left.shift());
    };
    // The first failure ends the other parts too.
    const guarded = () => work().catch((error) => { run.stop(error); throw error; });
    await Promise.all(Array.from({ length: PARALLEL }, guarded));
  };

  const complete = async (run, upload) => {
    const { file } = run, { ticket, partSize, stored } = upload;
    const numbers = Array.from({ length: Math.ceil(file.size / partSize) }, (_, i) => i + 1);
    const sizeOf = (number) => Math.min(partSize, file.size - (number - 1) * partSize);
    stored.forEach((number) => run.loaded.set(number, sizeOf(number)));
    let missing = numbers.filter((number) => !stored.includes(number));
    for (let round = 0; ; round += 1) {
      run.enter("sending");
      await sendAll(run, upload, missing);
      run.enter("completing");
      try {
        await run.ask({ action: "complete", ticket });
        return;
      } catch (error) {
        if (error.code !== "parts_missing" || round === ROUNDS) throw error;
        missing = error.answer.parts;
      }
    }
  };

  // Returns the ticket; nothing if the storage takes no parts.
  const sendParts = async (run) => {
    const key = await keyOf(run);
    return alone(key, async (isAlone) => {
      let upload = isAlone ? await resumed(run, key) : null;
      try {
        upload ??= await begun(run);
      } catch (error) {
        if (error.code === "parts_unsupported") return "";
        throw error;
      }
      if (isAlone) keep(key, upload.ticket);
      try {
        await complete(run, upload);
      } catch (error) {
        const isCanceled = run.options.signal?.aborted;
        if (isAlone && (isCanceled || !error.isTemporary)) forget(key);
        if (isCanceled) run.post({ action: "abort", ticket: upload.ticket }).catch(() => {});
        throw error;
      }
      if (isAlone) forget(key);
      return upload.ticket;
    });
  };

  globalThis.shiftMedia = Object.assign(globalThis.shiftMedia ?? {}, { sendParts });
})();
