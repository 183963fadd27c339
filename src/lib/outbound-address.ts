type Range = readonly [network: number, bits: number];

// The special-purpose registry of IANA for IPv4, multicast, and the addresses of clouds that answer from inside.
const inwardIpv4: readonly Range[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["168.63.129.16", 32],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.31.196.0", 24],
  ["192.52.193.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["192.175.48.0", 24],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
].map(([network, bits]) => [ipv4Number(String(network).split(".")), Number(bits)]);

const dottedOrDashed = /(?<!\d)(?=(\d{1,3})[.-](\d{1,3})[.-](\d{1,3})[.-](\d{1,3})(?!\d))/g;

/**
 * Why an address, written as the URL standard does, is none to call; undefined for a public one. A public address is let pass: a
 * certificate can name it, and it leads nowhere that its owner's DNS name could not.
 */
export function addressProblem(host: string): string | undefined {
  const isInward = host.startsWith("[") ? isInwardIpv6(ipv6Groups(host.slice(1, -1))) : isInwardIpv4(host.split("."));
  return isInward
    ? `The address ${host} is private, reserved or otherwise not public; give a public name, or have the operator list its origin`
    : undefined;
}

/** The same for an IPv4 address that is spelled in a name, as 10-0-0-1.example.com, since such names tend to resolve to it. */
export function embeddedAddressProblem(host: string): string | undefined {
  const inward = [...host.matchAll(dottedOrDashed)]
    .map(([, ...octets]) => octets)
    .find((octets) => octets.every((octet) => Number(octet) <= 255) && isInwardIpv4(octets));
  return inward
    ? `The host "${host}" spells the address ${inward.map(Number).join(".")}, which is not public; give another name, or have the operator list its origin`
    : undefined;
}

function isInwardIpv4(octets: readonly string[]): boolean {
  const address = ipv4Number(octets);
  return inwardIpv4.some(([network, bits]) => Math.floor((address - network) / 2 ** (32 - bits)) === 0);
}

function ipv4Number(octets: readonly string[]): number {
  return octets.reduce((sum, octet) => sum * 256 + Number(octet), 0);
}

// Only 2000::/3 is given out for the public; from that go the parts for protocols, tunnels, documentation and name-server sinks.
function isInwardIpv6(groups: readonly number[]): boolean {
  const [first = 0, second = 0, third = 0, , fifth, sixth] = groups;
  return (
    first < 0x2000 ||
    first >= 0x4000 ||
    (first === 0x2001 && (second < 0x200 || second === 0xdb8)) ||
    first === 0x2002 ||
    (first === 0x2620 && second === 0x4f && third === 0x8000) ||
    (first === 0x3fff && second < 0x1000) ||
    // An IPv4 address within an interface identifier (ISATAP).
    ((fifth === 0 || fifth === 0x200) && sixth === 0x5efe)
  );
}

/** The eight groups of an address that the URL parser wrote, so it has no dotted part. */
function ipv6Groups(text: string): number[] {
  const [head = "", tail] = text.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  return [...before, ...zeros, ...after].map((group) => Number.parseInt(group, 16));
}
