// Hashes of files, read in slices, because a video may be larger than memory. crypto.subtle needs
// all bytes at once, and has no MD5, which is what every S3 server compares a part with.
"use strict";
(() => {
  const SLICE = 4 << 20; // Bytes that are read and hashed at once.

  // SHA-256 (FIPS 180-4).
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

  const inSlices = async (blob, digest, signal, progress) => {
    for (let at = 0; at < blob.size; at += SLICE) {
      const bytes = await blob.slice(at, at + SLICE).arrayBuffer();
      signal?.throwIfAborted();
      digest(bytes);
      progress?.(Math.min(blob.size, at + SLICE));
    }
  };

  // Returns the SHA-256 in hex; `progress` is called with the number of bytes that are hashed.
  const sha256 = async (blob, signal, progress) => {
    const sum = new Sha256();
    await inSlices(blob, (bytes) => sum.update(new Uint8Array(bytes)), signal, progress);
    return sum.hex();
  };

  // Returns the MD5 in base64, as the header Content-MD5 has it.
  const md5 = async (blob, signal) => {
    const sum = new SparkMD5.ArrayBuffer();
    await inSlices(blob, (bytes) => sum.append(bytes), signal);
    return btoa(sum.end(true));
  };

  globalThis.shiftMedia = Object.assign(globalThis.shiftMedia ?? {}, { md5, sha256 });
})();
