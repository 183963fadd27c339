import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

/** A TCP port through which connections pass one at a time. */
export interface Turnstile {
  readonly port: number;
  close(): Promise<void>;
}

/** What one connection talks to while it has its turn. */
export interface Turn {
  readonly port: number;
  end(): Promise<void>;
}

/**
 * Listens on 127.0.0.1 and lets one connection at a time through to the port of its turn; later ones wait, in order.
 * A connection whose turn cannot be prepared is dropped.
 */
export async function startTurnstile(startTurn: () => Promise<Turn>): Promise<Turnstile> {
  const waiting: Socket[] = [];
  const open = new Set<Socket>();
  let serving: Promise<void> | undefined;

  function admit(): void {
    serving ??= serveAll().finally(() => {
      serving = undefined;
    });
  }

  async function serveAll(): Promise<void> {
    for (let socket = waiting.shift(); socket; socket = waiting.shift()) await serve(socket);
  }

  async function serve(socket: Socket): Promise<void> {
    try {
      const turn = await startTurn();
      await forward(socket, turn.port);
      await turn.end();
    } catch (error) {
      socket.destroy();
      process.stderr.write(`PGlite could not serve a connection: ${String(error)}\n`);
    }
  }

  const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy()); // a client that vanished: its turn ends
    waiting.push(socket);
    admit();
  });
  await new Promise<void>((done, fail) => server.once("error", fail).listen(0, "127.0.0.1", done));
  return {
    port: (server.address() as AddressInfo).port, // an address of this kind is what listening on a host and port gives
    async close() {
      waiting.length = 0;
      for (const socket of open) socket.destroy();
      await new Promise((done) => server.close(done));
      await serving;
    },
  };
}

function forward(socket: Socket, target: number): Promise<void> {
  return new Promise((done) => {
    const inner = connect({ port: target, host: "127.0.0.1", noDelay: true });
    inner.on("error", () => socket.destroy());
    inner.once("close", () => {
      socket.destroy();
      done();
    });
    socket.once("close", () => inner.destroy());
    if (socket.destroyed) inner.destroy();
    socket.pipe(inner);
    inner.pipe(socket);
    socket.resume();
  });
}
