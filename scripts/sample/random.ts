const nameAlphabet = "bcdfghjklmnpqrstvwxz2456789";

/** A generator of numbers in [0, 1) that depends on its seed alone (mulberry32 over an FNV-1a hash). */
export function random(seed: string): () => number {
  let state = 0x811c9dc5;
  for (const character of seed) state = Math.imul(state ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole number from `low` to `high`, both included. */
export function between(seed: string, low: number, high: number): number {
  return low + Math.floor(random(seed)() * (high - low + 1));
}

/** Letters and digits as Kubernetes draws them for generated names. */
export function suffix(seed: string, length: number): string {
  return draw(seed, length, nameAlphabet);
}

/** Lower-case hexadecimal digits. */
export function hex(seed: string, length: number): string {
  return draw(seed, length, "0123456789abcdef");
}

/** A UUID of version 4's shape. */
export function uuid(seed: string): string {
  const digits = hex(seed, 32);
  const parts = [digits.slice(0, 8), digits.slice(8, 12), `4${digits.slice(13, 16)}`, `a${digits.slice(17, 20)}`];
  return [...parts, digits.slice(20)].join("-");
}

function draw(seed: string, length: number, alphabet: string): string {
  const next = random(seed);
  return Array.from({ length }, () => alphabet.charAt(Math.floor(next() * alphabet.length))).join("");
}
