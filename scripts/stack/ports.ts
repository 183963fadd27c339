import { createServer } from "node:net";
import { UsageError } from "./usage-error.ts";

const defaultPort = 8787;

/** A port of 127.0.0.1 that was free a moment ago: the wanted one, or any. Throws UsageError when the wanted one is taken. */
export async function choosePort(wanted: number | undefined): Promise<number> {
  const preferred = wanted ?? defaultPort;
  const port = await tryPort(preferred);
  if (port !== undefined) return port;
  if (wanted !== undefined) throw new UsageError(`port ${wanted} is taken; choose another, or 0 for any`);
  process.stderr.write(`Port ${defaultPort} is taken, another is used\n`);
  return choosePort(0);
}

async function tryPort(port: number): Promise<number | undefined> {
  const server = createServer();
  return new Promise((done, fail) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") done(undefined);
      else if (error.code === "EACCES") fail(new UsageError(`port ${port} may not be used by this user`));
      else fail(error);
    });
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => done(typeof address === "object" ? address?.port : undefined));
    });
  });
}
