import { HttpProblem } from "../http.ts";

const secretParameters = ["api_key", "apikey", "key", "token", "access_token", "x-api-key"];

/**
 * The credential of a request, from X-API-Key or Authorization: Bearer; undefined without one. Throws 401 for one in the
 * query string, where logs and histories would keep it, and for two that differ.
 */
export function readCredential(request: { header(name: string): string | undefined; url: string }): string | undefined {
  const query = new URL(request.url).searchParams;
  const exposed = [...query.keys()].find((key) => secretParameters.includes(key.toLowerCase()));
  if (exposed !== undefined) {
    throw unauthenticated(`Credentials are not taken from the query string (${exposed}); send them as X-API-Key`);
  }
  const apiKey = request.header("X-API-Key")?.trim() || undefined;
  const bearer = /^Bearer\s+(.+)$/i.exec(request.header("Authorization")?.trim() ?? "")?.[1];
  if (apiKey !== undefined && bearer !== undefined && apiKey !== bearer) {
    throw unauthenticated("X-API-Key and Authorization name two different credentials; send one");
  }
  return apiKey ?? bearer;
}

/** A 401, with the challenge that HTTP asks for. */
export function unauthenticated(message: string): HttpProblem {
  return new HttpProblem(401, message, { "WWW-Authenticate": 'Bearer realm="muster"' });
}
