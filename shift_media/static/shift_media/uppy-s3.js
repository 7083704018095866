// Options for Uppy's plugin @uppy/aws-s3 (6.x), which sends files in parts to the bucket:
//
//   uppy.use(AwsS3, shiftMedia.uppyS3(uppy, { endpoint, field, headers, partSize }));
//
//   endpoint  URL of the view shift_media:upload
//   field     label of the MediaField: "gallery.photo.image"
//   headers   object, or function that returns one, of headers for the app: X-CSRFToken, say
//   partSize  SHIFT_MEDIA["UPLOAD_PART_BYTES"]; by default 16 MiB
//
// When a file is complete, its `meta.ticket` is the ticket with which the form is sent. The plugin
// cannot send checksums of parts; shiftMedia.upload of direct-transport.js does.
"use strict";
(() => {
  const HEAD = 4096; // Bytes by which the server tells the type.
  const MIB = 1 << 20;
  const MOST_PARTS = 10_000;
  const LEAST_PART = 5 * MIB; // The plugin sends a file up to this size by one PUT.

  const base64 = async (blob) => {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  };

  const uppyS3 = (uppy, { endpoint, field, headers, partSize = 16 * MIB }) => {
    const post = async (content) => {
      const own = (typeof headers === "function" ? headers() : headers) ?? {};
      const response = await fetch(endpoint, {
        method: "POST",
        headers: { "Content-Type": "application/json", ...own },
        body: JSON.stringify(content),
      });
      const answer = await response.json().catch(() => ({}));
      if (response.ok) return answer;
      throw new Error(answer.message ?? `${response.status} ${response.statusText}`);
    };

    const getChunkSize = ({ size }) => (
      Math.max(partSize, Math.ceil(Math.ceil(size / MOST_PARTS) / MIB) * MIB)
    );

    const begin = async (id) => {
      const { name, type, size, data } = uppy.getFile(id);
      const head = await base64(data.slice(0, HEAD));
      const { ticket, part_size: given } = await post({ field, name, type, size, head, parts: true });
      if (size > LEAST_PART && given !== getChunkSize({ size })) {
        throw new Error(`The site takes parts of ${given} bytes: pass partSize to uppyS3.`);
      }
      uppy.setFileMeta(id, { ticket });
      return ticket;
    };

    const signPart = async (ticket, number) => {
      const { url } = await post({ action: "sign", ticket, number, unchecked: true });
      return { url: new URL(url, location).href };
    };

    // A request that is none of a part goes to the app, which answers as a bucket would.
    const toApp = (ticket, uploadId) => {
      const url = new URL(`${endpoint}s3/`, location);
      url.searchParams.set("ticket", ticket);
      if (uploadId) url.searchParams.set("uploadId", uploadId);
      return { url: url.href, key: ticket };
    };

    // The key of the first request is the id of the file, and that of later ones the ticket.
    const signRequest = async ({ method, key, uploadId, partNumber }) => {
      if (partNumber) return signPart(key, partNumber);
      if (uploadId) return toApp(key, uploadId);
      const ticket = await begin(key);
      return method === "PUT" ? signPart(ticket, 1) : toApp(ticket);
    };

    // A small file is one part, which the plugin does not complete.
    uppy.addPostProcessor(async (ids) => {
      const files = ids.map((id) => uppy.getFile(id)).filter((file) => file && !file.error);
      await Promise.all(files.map(async ({ id, meta: { ticket } }) => {
        try {
          if (ticket) await post({ action: "complete", ticket });
        } catch (error) {
          uppy.setFileMeta(id, { ticket: undefined });
          throw error;
        }
      }));
    });

    const generateObjectKey = ({ id }) => id;
    return { signRequest, generateObjectKey, getChunkSize, shouldUseMultipart: true };
  };

  globalThis.shiftMedia = Object.assign(globalThis.shiftMedia ?? {}, { uppyS3 });
})();
