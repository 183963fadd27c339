import { get } from "node:http";

// Reads an answer to its end in a process of its own: `URL Accept key`; prints what came, and when.
const [url = "", accept = "", key = ""] = process.argv.slice(2);
const started = performance.now();
const response = get(url, { headers: { Accept: accept, "X-API-Key": key } }, (answer) => {
  let bytes = 0;
  let first: number | undefined;
  answer.on("data", (chunk: Buffer) => {
    first ??= performance.now() - started;
    bytes += chunk.length;
  });
  answer.on("end", () =>
    console.log(
      JSON.stringify({ status: answer.statusCode, bytes, firstByteMs: first, ms: performance.now() - started }),
    ),
  );
  answer.on("error", (error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
});
response.on("error", (error) => {
  console.error(error.message);
  process.exitCode = 1;
});
