import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { problemWithUrl } from "../../src/lib/outbound-url.ts";

const spelling = /another way to write|cannot be read/;
const characters = /one beyond ASCII/;
const address = /is private, reserved or otherwise not public/;

describe("an address that is not public is refused, however it is written:", () => {
  it.each<[url: string, reason: RegExp]>([
    // Addresses as they are.
    ["https://127.0.0.1/", address],
    ["https://127.255.255.254/", address],
    ["https://0.0.0.0/", address],
    ["https://0.1.2.3/", address],
    ["https://10.0.0.1/", address],
    ["https://10.255.255.255:8443/", address],
    ["https://172.16.0.1/", address],
    ["https://172.31.255.255/", address],
    ["https://192.168.1.1/", address],
    ["https://169.254.169.254/latest/meta-data/", address],
    ["https://169.254.170.2/", address],
    ["https://100.64.0.1/", address],
    ["https://100.100.100.200/", address],
    ["https://100.127.255.255/", address],
    ["https://168.63.129.16/", address],
    ["https://192.0.0.192/", address],
    ["https://192.0.2.1/", address],
    ["https://192.88.99.1/", address],
    ["https://198.18.0.1/", address],
    ["https://198.19.255.255/", address],
    ["https://198.51.100.7/", address],
    ["https://203.0.113.7/", address],
    ["https://224.0.0.1/", address],
    ["https://239.255.255.255/", address],
    ["https://240.0.0.1/", address],
    ["https://255.255.255.255/", address],
    // IPv4 in other notations.
    ["https://2130706433/", spelling],
    ["https://0x7f000001/", spelling],
    ["https://0x7f.0.0.1/", spelling],
    ["https://0x7F.1/", spelling],
    ["https://0177.0.0.1/", spelling],
    ["https://017700000001/", spelling],
    ["https://127.1/", spelling],
    ["https://127.0.1/", spelling],
    ["https://127.0.0.01/", spelling],
    ["https://127.0.0.1./", spelling],
    ["https://0/", spelling],
    ["https://0xa9fea9fe/", spelling],
    ["https://2852039166/", spelling],
    ["https://%31%32%37.0.0.1/", spelling],
    ["https://127.0.0.1%2e/", spelling],
    ["https://169.254.169.254%00.example.com/", spelling],
    ["https://１２７.0.0.1/", characters],
    ["https://127。0。0。1/", characters],
    ["https://①②⑦.0.0.1/", characters],
    ["https://256.256.256.256/", spelling],
    ["https://1.2.3.4.5/", spelling],
    ["https://134744072/", spelling],
    // IPv6.
    ["https://[::]/", address],
    ["https://[::1]/", address],
    ["https://[0:0:0:0:0:0:0:1]/", spelling],
    ["https://[0000::0001]/", spelling],
    ["https://[::ffff:7f00:1]/", address],
    ["https://[::ffff:127.0.0.1]/", spelling],
    ["https://[::ffff:a9fe:a9fe]/", address],
    ["https://[::7f00:1]/", address],
    ["https://[::ffff:0:7f00:1]/", address],
    ["https://[64:ff9b::7f00:1]/", address],
    ["https://[64:ff9b:1::a00:1]/", address],
    ["https://[2002:7f00:1::]/", address],
    ["https://[2002:a9fe:a9fe::1]/", address],
    ["https://[2001::1]/", address],
    ["https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", address],
    ["https://[2001:10::1]/", address],
    ["https://[2001:db8::1]/", address],
    ["https://[3fff::1]/", address],
    ["https://[5f00::1]/", address],
    ["https://[100::1]/", address],
    ["https://[fc00::1]/", address],
    ["https://[fd00:ec2::254]/", address],
    ["https://[fe80::1]/", address],
    ["https://[fe80::1%25eth0]/", spelling],
    ["https://[fec0::1]/", address],
    ["https://[ff02::1]/", address],
    ["https://[2a01:4f8::5efe:a00:1]/", address],
    ["https://[2a01:4f8::200:5efe:a00:1]/", address],
    ["https://[2A01:4F8:0::1]/", spelling],
    ["https://[::1/", spelling],
  ])("%j", (url, reason) => {
    expect(problemWithUrl(url, [])).toMatch(reason);
  });
});

describe("a public address passes:", () => {
  it.each([
    "https://8.8.8.8/",
    "https://172.15.255.255/",
    "https://172.32.0.1/",
    "https://100.63.255.255/",
    "https://100.128.0.1/",
    "https://198.17.255.255/",
    "https://198.20.0.1/",
    "https://223.255.255.255/",
    "https://[2606:4700:4700::1111]/",
    "https://[2001:4860:4860::8888]:8443/",
    "https://[2a01:4f8:c2c:123f::1]/",
  ])("%j", (url) => {
    expect(problemWithUrl(url, [])).toBeUndefined();
  });
});

const octets = fc.tuple(...Array.from({ length: 4 }, () => fc.nat(255)));

it("refuses every way to write an IPv4 address but the plain one", () => {
  fc.assert(
    fc.property(octets, ([a = 0, b = 0, c = 0, d = 0]) => {
      const number = ((a * 256 + b) * 256 + c) * 256 + d;
      const plain = `${a}.${b}.${c}.${d}`;
      const others = [
        `${number}`,
        `0x${number.toString(16)}`,
        `0${number.toString(8)}`,
        `${a}.${(b * 256 + c) * 256 + d}`,
        `${a}.${b}.${c * 256 + d}`,
        `0x${a.toString(16)}.${b}.${c}.${d}`,
        `${a}.${b}.${c}.0${d.toString(8)}`,
        `${plain}.`,
        plain.replace(".", "%2e"),
        `[::ffff:${plain}]`,
      ];
      const passed = others.filter((host) => !spelling.test(problemWithUrl(`https://${host}/`, []) ?? ""));
      expect(passed.filter((host) => host !== plain)).toEqual([]);
    }),
  );
});

it("refuses every IPv6 address that carries an IPv4 address, whether that is public or not", () => {
  fc.assert(
    fc.property(octets, ([a = 0, b = 0, c = 0, d = 0]) => {
      const [high, low] = [a * 256 + b, c * 256 + d].map((group) => group.toString(16));
      const hosts = [
        `::ffff:${high}:${low}`,
        `::${high}:${low}`,
        `64:ff9b::${high}:${low}`,
        `2002:${high}:${low}::1`,
        `2001:0:${high}:${low}::1`,
        `2a00:1::5efe:${high}:${low}`,
      ].map((text) => new URL(`https://[${text}]/`).hostname);
      expect(hosts.filter((host) => !address.test(problemWithUrl(`https://${host}/`, []) ?? ""))).toEqual([]);
    }),
  );
});
