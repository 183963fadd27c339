/** The most bytes of one value that are kept; what is larger passes without being held. */
export const maxValueBytes = 64 * 1024 * 1024;

/** Gathers the bytes of one value across chunks. */
export class ValueBuffer {
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  /** Adds bytes; they are not copied, so they must not change until taken. */
  add(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    if (this.#bytes > maxValueBytes) this.#chunks = [];
    else if (bytes.length > 0) this.#chunks.push(bytes);
  }

  /** Returns what was added since the last take, or null if that was more than `maxValueBytes`. */
  take(): Uint8Array | null {
    const [first] = this.#chunks;
    const joined = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
    const taken = this.#bytes > maxValueBytes ? null : joined;
    this.#chunks = [];
    this.#bytes = 0;
    return taken;
  }
}
