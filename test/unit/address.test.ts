import { describe, expect, it } from "vitest";
import { clientNetwork } from "../../src/api/middleware/address.ts";

describe("clientNetwork", () => {
  it.each([
    ["192.0.2.1", "192.0.2.1"],
    [" 192.0.2.1 ", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:DB8:0001:0002::1", "2001:db8:1:2::/64"],
    ["2001:db8::", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
  ])("charges %s to %s", (address, network) => {
    expect(clientNetwork(address)).toBe(network);
  });

  it("charges all addresses of one /64 to the same principal, and those of another to another", () => {
    expect(clientNetwork("2001:db8:1:2::1")).toBe(clientNetwork("2001:db8:1:2:ffff::9"));
    expect(clientNetwork("2001:db8:1:2::1")).not.toBe(clientNetwork("2001:db8:1:3::1"));
  });

  it.each([undefined, "", "unknown", "192.0.2.1, 10.0.0.1", "2001:zz::1", "1:2:3"])("takes %j for local", (address) => {
    expect(clientNetwork(address)).toBe("local");
  });
});
