// Compares a file with the limits of its field before anything is sent, and draws its preview. The
// server decides by the bytes; what a browser cannot read is left to it.
"use strict";
(() => {
  const READ_MS = 8000; // Milliseconds that a browser has to read a video.
  const SIDE = 480; // Pixels of the longer side of a preview.

  // By the name and the type that the browser guesses from it: files that are dropped or pasted
  // are not filtered by "accept".
  const isAccepted = (accept, file) => {
    const accepted = accept.toLowerCase().split(",").map((item) => item.trim());
    const name = file.name.toLowerCase(), type = file.type.toLowerCase();
    if (!accept || !type || !name.includes(".")) return true;
    return accepted.some((item) => (
      item.startsWith(".") ? name.endsWith(item)
        : item.endsWith("/*") ? type.startsWith(item.slice(0, -1)) : type === item
    ));
  };

  // Returns the message of the first limit that the facts break, or "". A fact that is not known
  // breaks none.
  const brokenLimit = (limits, facts, words) => {
    const isBroken = ({ fact, least, most }) => (
      facts[fact] !== undefined
      && (facts[fact] < (least ?? -Infinity) || facts[fact] > (most ?? Infinity))
    );
    const broken = limits.find(isBroken);
    return broken ? broken.message.replace("{seen}", words.fact(broken.fact, facts)) : "";
  };

  const draw = (source, width, height) => {
    const scale = Math.min(1, SIDE / Math.max(width, height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(width * scale));
    canvas.height = Math.max(1, Math.round(height * scale));
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(source, 0, 0, canvas.width, canvas.height);
    return canvas;
  };

  const sides = (width, height) => (
    width && height ? { width, height, ratio: width / height } : {}
  );

  // A canvas, unlike an image of an object URL, needs no rule in a Content-Security-Policy, and
  // holds no picture of full size in memory.
  const readImage = async (file) => {
    const bitmap = await createImageBitmap(file);
    const { width, height } = bitmap;
    const preview = draw(bitmap, width, height);
    bitmap.close();
    return { facts: sides(width, height), preview };
  };

  const readVideo = async (file) => {
    const url = URL.createObjectURL(file), video = document.createElement("video");
    const event = (name) => new Promise((resolve, reject) => {
      video.addEventListener(name, resolve, { once: true });
      video.addEventListener("error", reject, { once: true });
      setTimeout(reject, READ_MS);
    });
    Object.assign(video, { muted: true, preload: "auto", playsInline: true });
    try {
      const loaded = event("loadeddata");
      video.src = url;
      await loaded;
      const { videoWidth, videoHeight, duration } = video;
      const seconds = Number.isFinite(duration) ? duration : undefined;
      if (seconds > 1) {
        const sought = event("seeked");
        video.currentTime = Math.min(1, seconds / 10); // The first frame is often black.
        await sought;
      }
      const preview = videoWidth ? draw(video, videoWidth, videoHeight) : null;
      return { facts: { ...sides(videoWidth, videoHeight), seconds }, preview };
    } finally {
      video.removeAttribute("src");
      video.load();
      URL.revokeObjectURL(url);
    }
  };

  let last = Promise.resolve(); // One at a time: a decoded photograph takes 50 MB and more.

  // Returns { facts, preview }; what cannot be read is missing.
  const inspect = (file) => {
    const kind = file.type.split("/")[0];
    const read = { image: readImage, video: readVideo }[kind];
    const done = last.then(() => read?.(file)).catch(() => null);
    last = done;
    return done.then((seen) => ({
      facts: { bytes: file.size, ...seen?.facts }, preview: seen?.preview,
    }));
  };

  const picker = { isAccepted, brokenLimit, inspect };
  globalThis.shiftMedia = Object.assign(globalThis.shiftMedia ?? {}, { picker });
})();
