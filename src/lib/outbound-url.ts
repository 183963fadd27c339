import { addressProblem, embeddedAddressProblem } from "./outbound-address.ts";

const maxLength = 2048;
/** An origin that an operator lists: `https://collector.lan`, `http://127.0.0.1:*` (any port). */
export const originPattern = /^(https?):\/\/(\[[\da-f:.]+\]|[a-z\d_.-]+)(?::(\d{1,5}|\*))?$/;
const parts = /^(https?):\/\/([^/?#]*)([^#]*)(#?)/i;
const authorityParts = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/;
const defaultPorts: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };

// Where other protocols listen: those that the Fetch standard blocks, and databases, caches, queues and control planes.
const foreignPorts = new Set([
  0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 67, 68, 69, 77, 79, 87, 95, 101, 102, 103, 104,
  109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 138, 139, 143, 161, 162, 179, 389, 427, 445, 465, 500, 512, 513,
  514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 623, 636, 873, 989, 990, 993, 995, 1080, 1433, 1434,
  1521, 1719, 1720, 1723, 1883, 2049, 2181, 2375, 2376, 2377, 2379, 2380, 3128, 3260, 3268, 3269, 3306, 3389, 3659,
  4045, 4190, 4369, 5060, 5061, 5432, 5433, 5672, 5900, 5901, 5984, 5985, 5986, 6000, 6379, 6380, 6432, 6566, 6665,
  6666, 6667, 6668, 6669, 6679, 6697, 7687, 8125, 8300, 8301, 8302, 8500, 8501, 8600, 8883, 9042, 9092, 9100, 9160,
  9200, 9300, 10080, 10250, 10255, 10256, 10257, 10259, 11211, 15672, 25672, 27017, 27018, 27019, 33060, 50051,
]);

// Zones that exist inside networks only.
const inwardZones = /(?:^|\.)(?:localhost|localdomain|local|internal|intranet|private|corp|home|lan|svc|arpa|onion)$/;
// Names that stand for a cloud's metadata service.
const metadataNames = /^(?:metadata\.(?:goog|packet\.net|platformequinix\.com|tencentyun\.com)|instance-data\..*)$/;
// Zones of which every name, or the one that spells an address, resolves to the inside.
const wildcardZones =
  /(?:^|\.)(?:nip\.io|sslip\.io|xip\.io|xip\.name|backname\.io|traefik\.me|plex\.direct|localtest\.me|lvh\.me|vcap\.me|lacolhost\.com|local\.gd|localho\.st|fuf\.me|127-0-0-1\.org\.uk|local-ip\.(?:co|sh)|ip\.addr\.tools|rbndr\.us|1u\.ms|localhost\.direct|localdev\.me|lcl\.host)$/;
const label = /^[a-z\d_](?:[a-z\d_-]{0,61}[a-z\d_])?$/;

/**
 * Why Muster will not call a URL that a user gave, as a sentence that says what to do instead; undefined when it will. Listed origins are
 * exempt from the rules on scheme, port and address, not from those on how a URL is written.
 */
export function problemWithUrl(url: string, allowedOrigins: readonly string[]): string | undefined {
  if (url.length > maxLength) {
    return `The URL is longer than ${maxLength} characters`;
  }
  if (!/^[!-~]*$/.test(url) || url.includes("\\")) {
    return "The URL holds a space, a backslash, a control character or one beyond ASCII; percent-encode it, or give a host in punycode";
  }
  const [, , authority = "", , hash] = parts.exec(url) ?? [];
  if (authority === "") {
    return "The URL must be a whole one: https://, a host and perhaps a port and a path";
  }
  if (authority.includes("@")) {
    return "The URL must not carry a user name or password; store them as credentials";
  }
  if (hash === "#") {
    return "The URL must not have a fragment; leave out # and what follows";
  }
  const [, host = "", port] = authorityParts.exec(authority) ?? [];
  if (!URL.canParse(url) || host === "") {
    return "The URL's host or port cannot be read";
  }
  const parsed = new URL(url);
  if (host.toLowerCase() !== parsed.hostname) {
    return `The URL's host is another way to write "${parsed.hostname}"; write it like that`;
  }
  const portNumber = parsed.port || (defaultPorts[parsed.protocol] ?? "");
  if (port !== undefined && port !== portNumber) {
    return "The URL's port must be a plain number, without leading zeros, or left out";
  }
  return allowedOrigins.some((pattern) => matches(pattern, parsed, portNumber))
    ? undefined
    : problemWithOrigin(parsed, portNumber);
}

function matches(pattern: string, url: URL, port: string): boolean {
  const [, scheme, host, wanted] = originPattern.exec(pattern) ?? [];
  return (
    url.protocol === `${scheme}:` &&
    url.hostname === host &&
    (wanted === "*" || port === (wanted ?? defaultPorts[url.protocol]))
  );
}

function problemWithOrigin(url: URL, port: string): string | undefined {
  if (url.protocol !== "https:") {
    return "The URL must begin with https://; plain http is for origins that the operator lists in OUTBOUND_ORIGINS";
  }
  if (foreignPorts.has(Number(port))) {
    return `Port ${port} belongs to another protocol than HTTPS; give the port that answers HTTPS`;
  }
  const host = url.hostname;
  return /^(?:\[|\d+\.\d+\.\d+\.\d+$)/.test(host) ? addressProblem(host) : nameProblem(host);
}

function nameProblem(host: string): string | undefined {
  if (host.endsWith(".")) {
    return "The URL's host must not end in a dot";
  }
  const labels = host.split(".");
  if (host.length > 253 || !labels.every((part) => label.test(part))) {
    return "The URL's host is not a name that DNS can hold";
  }
  if (inwardZones.test(host) || metadataNames.test(host)) {
    return `The host "${host}" exists inside a network only; give a public name, or have the operator list its origin`;
  }
  if (labels.length === 1) {
    return `The host "${host}" is not a full name; give one with its domain, as collector.example.com`;
  }
  if (wildcardZones.test(host)) {
    return `The host "${host}" resolves to whatever address its name says; give a name of your own domain`;
  }
  return embeddedAddressProblem(host);
}
