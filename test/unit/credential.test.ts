import { describe, expect, it } from "vitest";
import { HttpProblem } from "../../src/api/http.ts";
import { readCredential } from "../../src/api/middleware/credential.ts";

function request(headers: Record<string, string>, query = "") {
  const all = new Headers(headers);
  return { url: `https://muster.test/api/v1/x${query}`, header: (name: string) => all.get(name) ?? undefined };
}

function status(work: () => unknown): number {
  try {
    work();
  } catch (error) {
    return error instanceof HttpProblem ? error.status : 0;
  }
  return 200;
}

describe("readCredential", () => {
  it("takes X-API-Key and Authorization: Bearer alike, in any case", () => {
    expect(readCredential(request({ "X-API-Key": "abc" }))).toBe("abc");
    expect(readCredential(request({ "x-api-key": " abc " }))).toBe("abc");
    expect(readCredential(request({ Authorization: "Bearer abc" }))).toBe("abc");
    expect(readCredential(request({ authorization: "bearer   abc" }))).toBe("abc");
  });

  it("takes the same one twice, refuses two that differ", () => {
    expect(readCredential(request({ "X-API-Key": "abc", Authorization: "Bearer abc" }))).toBe("abc");
    expect(status(() => readCredential(request({ "X-API-Key": "abc", Authorization: "Bearer abd" })))).toBe(401);
  });

  it.each([
    {},
    { "X-API-Key": "" },
    { "X-API-Key": "  " },
    { Authorization: "" },
    { Authorization: "Bearer " },
    { Authorization: "Basic abc" },
  ])("finds none in %j", (headers) => {
    expect(readCredential(request(headers))).toBeUndefined();
  });

  it.each(["api_key", "apikey", "key", "token", "access_token", "x-api-key", "API_KEY", "X-API-Key"])(
    "refuses %s in the query string, also beside a good header",
    (name) => {
      expect(status(() => readCredential(request({ "X-API-Key": "abc" }, `?${name}=abc`)))).toBe(401);
      expect(status(() => readCredential(request({}, `?limit=1&${name}=`)))).toBe(401);
    },
  );
});
