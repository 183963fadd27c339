import { describe, expect, it } from "vitest";
import { problemWithUrl } from "../../src/lib/outbound-url.ts";

const local = ["http://127.0.0.1:*", "http://localhost:*", "https://collector.lan", "https://[fd00::5]:8443"];

const spelling = /another way to write|beyond ASCII|cannot be read/;
const address = /is private, reserved or otherwise not public/;
const inwardName = /exists inside a network only/;
const wildcard = /whatever address its name says/;
const spelled = /spells the address/;
const port = /belongs to another protocol|plain number|cannot be read/;
const whole = /must be a whole one/;
const characters = /a space, a backslash, a control character or one beyond ASCII/;

describe("a hostile URL is refused, and the reason named:", () => {
  it.each<[url: string, reason: RegExp]>([
    // Names that lead inwards.
    ["https://localhost/", inwardName],
    ["https://LOCALHOST:8443/", inwardName],
    ["https://db.localhost/", inwardName],
    ["https://localhost.localdomain/", inwardName],
    ["https://printer.local/", inwardName],
    ["https://metadata.google.internal/computeMetadata/v1/", inwardName],
    ["https://metadata.goog/", inwardName],
    ["https://instance-data.ec2.internal/", inwardName],
    ["https://ip-10-0-0-1.eu-west-1.compute.internal/", inwardName],
    ["https://host.docker.internal/", inwardName],
    ["https://router.home.arpa/", inwardName],
    ["https://1.0.0.127.in-addr.arpa/", inwardName],
    ["https://nas.lan/", inwardName],
    ["https://kubernetes.default.svc/", inwardName],
    ["https://kubernetes.default.svc.cluster.local/", inwardName],
    ["https://metadata/", /not a full name/],
    ["https://intranet/", inwardName],
    ["https://kubernetes/", /not a full name/],
    ["https://localhost./", /must not end in a dot/],
    ["https://example.com./", /must not end in a dot/],
    ["https://metadata.google.internal./", /must not end in a dot/],
    ["https://127.0.0.1.nip.io/", wildcard],
    ["https://7f000001.nip.io/", wildcard],
    ["https://10-0-0-1.sslip.io/", wildcard],
    ["https://fd00--1.sslip.io/", wildcard],
    ["https://app.localtest.me/", wildcard],
    ["https://lvh.me/", wildcard],
    ["https://x.y.lvh.me/", wildcard],
    ["https://10-0-0-1.0123456789abcdef.plex.direct/", wildcard],
    ["https://7f000001.c0a80001.rbndr.us/", wildcard],
    ["https://127.0.0.1.example.com/", spelled],
    ["https://10-1-2-3.dev.example.com/", spelled],
    ["https://app-192-168-0-1.example.com/", spelled],
    ["https://www.1.10.0.0.1.example.com/", spelled],
    ["https://169-254-169-254.example.com/", spelled],
    ["https://010-000-000-001.example.com/", spelled],
    ["https://-x.example.com/", /not a name that DNS can hold/],
    ["https://a..example.com/", /not a name that DNS can hold/],
    ["https://.example.com/", /not a name that DNS can hold/],
    [`https://${"a".repeat(64)}.example.com/`, /not a name that DNS can hold/],
    [`https://${"a.".repeat(130)}example.com/`, /not a name that DNS can hold/],
    ["https://*.example.com/", /not a name that DNS can hold/],
    ["https://bücher.example/", characters],
    ["https://ex%61mple.com/", spelling],
    ["https://example。com/", characters],
    ["https://xn--/", /cannot be read|not a name that DNS can hold/],
    ["https://ex\u00adample.com/", characters],
    // Who is named before the host.
    ["https://admin:secret@example.com/", /user name or password/],
    ["https://example.com@127.0.0.1/", /user name or password/],
    ["https://@example.com/", /user name or password/],
    ["https://example.com%40127.0.0.1/", spelling],
    ["https://example.com:443@127.0.0.1/", /user name or password/],
    // Ports.
    ["https://example.com:22/", port],
    ["https://example.com:25/", port],
    ["https://example.com:53/", port],
    ["https://example.com:80@/", /user name or password/],
    ["https://example.com:445/", port],
    ["https://example.com:2375/", port],
    ["https://example.com:3306/", port],
    ["https://example.com:5432/", port],
    ["https://example.com:6379/", port],
    ["https://example.com:9200/", port],
    ["https://example.com:10250/", port],
    ["https://example.com:11211/", port],
    ["https://example.com:27017/", port],
    ["https://example.com:0/", port],
    ["https://example.com:65536/", port],
    ["https://example.com:-1/", port],
    ["https://example.com:/", port],
    ["https://example.com:0443/", port],
    ["https://example.com:443:22/", port],
    // Schemes and shapes.
    ["http://example.com/", /must begin with https/],
    ["http://169.254.169.254/", /must begin with https/],
    ["ftp://example.com/", whole],
    ["file:///etc/passwd", whole],
    ["gopher://127.0.0.1:6379/_FLUSHALL", whole],
    ["data:application/json,{}", whole],
    ["javascript:alert(1)", whole],
    ["blob:https://example.com/1", whole],
    ["ws://example.com/", whole],
    ["//example.com/", whole],
    ["example.com", whole],
    ["", whole],
    ["https:", whole],
    ["https://", whole],
    ["https:///example.com/", whole],
    ["https:example.com", whole],
    ["https:/example.com/", whole],
    ["https://?x", whole],
    ["https://:443/", spelling],
    ["https:\\\\example.com\\", characters],
    ["https://example.com\\@127.0.0.1/", characters],
    ["https://127.0.0.1\\.example.com/", characters],
    [" https://example.com/", characters],
    ["https://example.com/ ", characters],
    ["https://exam\tple.com/", characters],
    ["https://example.com/\r\nHost: 127.0.0.1", characters],
    ["https://127.0.0.1\0.example.com/", characters],
    ["https://example.com/\u007f", characters],
    ["https://example.com/#x", /fragment/],
    ["https://example.com#@127.0.0.1/", /fragment/],
    [`https://example.com/${"a".repeat(2048)}`, /longer than 2048/],
    // Beside the listed origins.
    ["http://127.0.0.2:8080/", /must begin with https/],
    ["https://127.0.0.1:8443/", address],
    ["http://localhost.example.com:8080/", /must begin with https/],
    ["http://localhost@example.com/", /user name or password/],
    ["http://0x7f.0.0.1:8080/", spelling],
    ["http://127.1:8080/", spelling],
    ["http://collector.lan/", /must begin with https/],
    ["https://collector.lan:8443/", inwardName],
    ["https://collector.lan.example.lan/", inwardName],
    ["https://[fd00::5]/", address],
  ])("%j", (url, reason) => {
    expect(problemWithUrl(url, local)).toMatch(reason);
  });
});

describe("an honest URL passes:", () => {
  it.each([
    "https://k8s-prod.example.com:6443",
    "https://pve.example.com:8006",
    "https://ceph-prod.example.com:8443",
    "https://your-company.parascope.io/collectors/ceph",
    "https://example.com",
    "https://example.com/",
    "https://example.com:443/",
    "HTTPS://Collector.EXAMPLE.com/Path?query=1&more=%20",
    "https://collector.example.com:8080/v1/",
    "https://collector.example.com:9443",
    "https://xn--bcher-kva.example/",
    "https://collector-1.eu-west-1.example.co.uk/",
    "https://my_collector.example.com/",
    "https://localhost.example.com/",
    "https://internal.example.com/",
    "https://metadata.example.com/",
    "https://release-1-2-3.example.com/",
    "https://v1.2.3.4.example.com/",
    "https://8-8-8-8.example.com/",
    "https://2024-10-15-127.example.com/",
    "https://notnip.io/",
    "https://example.com/a@b:c",
    "https://example.com/path/../other",
    `https://example.com/${"a".repeat(2000)}`,
    // Listed origins.
    "http://127.0.0.1:8787/health",
    "http://127.0.0.1/",
    "http://localhost:9000",
    "http://LOCALHOST:22/",
    "https://collector.lan/health",
    "https://collector.lan:443/health",
    "https://[fd00::5]:8443/",
  ])("%j", (url) => {
    expect(problemWithUrl(url, local)).toBeUndefined();
  });
});

it("lists nothing of itself: without origins in the list, even the local machine is refused", () => {
  expect(problemWithUrl("http://127.0.0.1:8787/", [])).toMatch(/must begin with https/);
  expect(problemWithUrl("https://localhost/", [])).toMatch(inwardName);
});
