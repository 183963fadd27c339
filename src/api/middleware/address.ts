/**
 * Whom an anonymous request is charged to: its IPv4 address or its IPv6 /64, since whoever has one address of such a
 * network has them all. `local` where the platform names no address.
 */
export function clientNetwork(address: string | undefined): string {
  const text = address?.trim().toLowerCase() ?? "";
  if (!text.includes(":")) {
    return /^[\d.]{7,15}$/.test(text) ? text : "local";
  }
  const [head = "", tail] = text.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail ? tail.split(":") : [];
  const zeros =
    tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => "0");
  const groups = [...left, ...zeros, ...right].slice(0, 4);
  return groups.length === 4 && groups.every((group) => /^[\da-f]{1,4}$/.test(group))
    ? `${groups.map((group) => group.replace(/^0+(?=.)/, "")).join(":")}::/64`
    : "local";
}
