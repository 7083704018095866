// Plays HLS by hls.js in browsers that can, and the MP4s where that fails.
// The tag {% media_player %} says where hls.js is: data-hls, data-integrity.
"use strict";
(() => {
  const own = document.currentScript;
  const { hls: library, integrity, error: message, download } = own.dataset;
  const HLS = /mpegurl/i;
  const SECONDS_AHEAD = { paused: 1, playing: 30 }; // of buffer: a page has many videos, few play
  const USUAL = 'video/mp4; codecs="avc1.42E01E,mp4a.40.2"';
  const players = new WeakMap();

  const sourcesOf = (video) => [...video.querySelectorAll(":scope > source")];
  const playlistOf = (video) => sourcesOf(video).find((source) => HLS.test(source.type));
  const hasBuffers = () => {
    const kind = window.ManagedMediaSource || window.MediaSource;
    return Boolean(kind && kind.isTypeSupported(USUAL)); // as Hls.isSupported() will ask
  };

  let loading = null;
  const loadLibrary = () => {
    loading ??= new Promise((resolve, reject) => {
      if (window.Hls) return resolve(window.Hls);
      const script = document.createElement("script");
      if (integrity) Object.assign(script, { integrity, crossOrigin: "anonymous" });
      Object.assign(script, { src: library, nonce: own.nonce });
      script.onload = () => resolve(window.Hls);
      script.onerror = () => reject(new Error(`${library} could not be loaded.`));
      document.head.append(script);
    });
    return loading;
  };

  const explain = (video) => {
    if (video.nextElementSibling?.classList.contains("shift-media-video-error")) return;
    const text = document.createElement("p");
    text.className = "shift-media-video-error";
    text.setAttribute("role", "alert");
    text.textContent = message;
    const file = sourcesOf(video).findLast((source) => !HLS.test(source.type));
    if (file) {
      const link = document.createElement("a");
      Object.assign(link, { href: file.src, download: "", textContent: download });
      text.append(" ", link);
    }
    video.after(text);
  };

  // The files are what is left without the playlist. The video goes on where it was.
  const playFiles = (video) => {
    const time = video.currentTime;
    const playing = !video.paused;
    players.get(video)?.destroy();
    players.delete(video);
    playlistOf(video)?.remove();
    if (!sourcesOf(video).length) return explain(video);
    video.removeAttribute("src");
    video.addEventListener("loadedmetadata", () => { video.currentTime = time; }, { once: true });
    video.load();
    if (playing) video.play().catch(() => {});
  };

  const watch = (Hls, hls, video) => {
    let recovered = false;
    hls.on(Hls.Events.ERROR, (_, { fatal, type }) => {
      if (!fatal) return;
      if (type !== Hls.ErrorTypes.MEDIA_ERROR || recovered) return playFiles(video);
      recovered = true;
      hls.recoverMediaError();
    });
    video.addEventListener("play", () => { hls.config.maxBufferLength = SECONDS_AHEAD.playing; });
    // hls.js 1.7 takes a sound for chosen once it has seen it play, and ends no video before. It does
    // not see one that plays from beginning to end while the page is busy. Until it is less busy, the
    // duration may be that of the first segment alone, so it is compared with that of the playlist.
    video.addEventListener("waiting", () => {
      const listed = Math.max(...hls.levels.map(({details}) => details ? details.edge : 0));
      const isOver = video.duration > listed - 0.1 && video.currentTime >= video.duration - 0.01;
      if (isOver && players.get(video) === hls) hls.trigger(Hls.Events.BUFFER_EOS, {});
    });
  };

  const choose = (video) => {
    const options = { enableWorker: false, capLevelToPlayerSize: true };
    options.maxBufferLength = SECONDS_AHEAD[video.autoplay ? "playing" : "paused"];
    if (video.querySelector(":scope > track[kind=captions]")) {
      // They are the subtitles of the playlist, which would be offered twice.
      for (const part of ["subtitleTrack", "subtitleStream", "timeline"])
        options[`${part}Controller`] = undefined;
    }
    return options;
  };

  const playPlaylist = async (video) => {
    if (players.has(video) || !playlistOf(video)) return;
    players.set(video, { destroy() {} });
    const Hls = await loadLibrary().catch(({ message }) => console.warn(message));
    const playlist = playlistOf(video);
    // A video that plays already is not interrupted: a promise of play() would be rejected.
    const isTaken = !video.paused && !video.autoplay;
    if (!Hls?.isSupported() || !playlist || isTaken) {
      players.delete(video); // The browser plays one of the sources by itself.
      return;
    }
    const hls = new Hls(choose(video));
    players.set(video, hls);
    watch(Hls, hls, video);
    hls.attachMedia(video);
    const load = () => hls.loadSource(playlist.src);
    if (video.preload === "none" && !video.autoplay)
      video.addEventListener("play", load, { once: true });
    else load();
    if (video.autoplay) video.play().catch(() => {});
  };

  const whenSeen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      whenSeen.unobserve(target);
      playPlaylist(target);
    }
  }, { rootMargin: "200px" });

  const prepare = (video) => {
    if (library && hasBuffers() && playlistOf(video)) whenSeen.observe(video);
  };

  // These events do not bubble. A source that fails is followed by the next one.
  document.addEventListener("error", ({ target }) => {
    const video = target.closest?.("video");
    if (!video || players.has(video)) return;
    const playlist = playlistOf(video);
    if (target === video && playlist && video.currentSrc === playlist.src) playFiles(video);
    else if (target === video || target === sourcesOf(video).at(-1)) explain(video);
  }, true);

  document.querySelectorAll("video").forEach(prepare);
  new MutationObserver((changes) => {
    for (const node of changes.flatMap(({ addedNodes }) => [...addedNodes])) {
      if (node.nodeName === "VIDEO") prepare(node);
      else node.querySelectorAll?.("video").forEach(prepare);
    }
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
