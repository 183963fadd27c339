/** What can go wrong in the domain; each dialect maps a code once to its own status and body. */
export type ErrorCode =
  | "bad_request"
  | "invalid"
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "unavailable"
  /** A service that Muster asked, a collector, failed or could not be reached. */
  | "upstream_failed"
  | "upstream_timed_out";

export interface DomainErrorOptions extends ErrorOptions {
  /** What the message says, for machines; shown beside it. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Thrown by verbs. The message is for the caller: it says what to fix, and nothing about the inside. */
export class DomainError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options?: DomainErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = options?.details ?? {};
  }
}
