import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

/** A TCP port through which connections pass one at a time. */
export interface Turnstile {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Listens on 127.0.0.1 and forwards one connection at a time to the target port; later ones wait for their turn, in order.
 * `beforeTurn` runs before each, so that it can be given a clean session. A connection whose turn cannot be prepared is dropped.
 */
export async function startTurnstile(target: number, beforeTurn: () => Promise<void>): Promise<Turnstile> {
  const waiting: Socket[] = [];
  const open = new Set<Socket>();
  let isBusy = false;

  async function admit(): Promise<void> {
    if (isBusy) return;
    isBusy = true;
    for (let socket = waiting.shift(); socket; socket = waiting.shift()) await serve(socket);
    isBusy = false;
  }

  async function serve(socket: Socket): Promise<void> {
    try {
      await beforeTurn();
    } catch (error) {
      socket.destroy();
      process.stderr.write(`PGlite could not be made ready for a connection: ${String(error)}\n`);
      return;
    }
    await forward(socket, target);
  }

  const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy()); // a client that vanished: its turn ends
    waiting.push(socket);
    void admit();
  });
  await new Promise<void>((done, fail) => server.once("error", fail).listen(0, "127.0.0.1", done));
  return {
    port: (server.address() as AddressInfo).port, // an address of this kind is what listening on a host and port gives
    close() {
      for (const socket of open) socket.destroy();
      return new Promise((done) => server.close(() => done()));
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
