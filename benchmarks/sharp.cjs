// Resizes by sharp, one for each line of the standard input: {path, width, height, quality}.
// Answers with one line: the CPU time of this process for it in nanoseconds, and the picture.
const { readFileSync } = require("node:fs");
const { createInterface } = require("node:readline");
const sharp = require(process.argv[2]);

sharp.concurrency(1);
sharp.cache(false);
const files = new Map();

async function resize({ path, width, height, quality }) {
  if (!files.has(path)) files.set(path, readFileSync(path));
  const before = process.cpuUsage();
  const made = await sharp(files.get(path))
    .autoOrient()
    .resize(width, height, { fit: "inside", withoutEnlargement: true })
    .flatten({ background: "#ffffff" })
    .jpeg({ quality })
    .toBuffer();
  const { user, system } = process.cpuUsage(before);
  return { nanoseconds: (user + system) * 1000, content: made.toString("base64") };
}

createInterface({ input: process.stdin }).on("line", (line) => {
  resize(JSON.parse(line)).then(
    (answer) => console.log(JSON.stringify(answer)),
    (error) => console.log(JSON.stringify({ error: String(error) })),
  );
});
