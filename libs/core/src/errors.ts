/**
 * The one registry of failures. Domain code throws a {@link ControlPlaneError} with a code; only the doors
 * translate a code into a status, by this table, so that REST and gRPC can never disagree.
 */
export const ERROR_STATUS = {
  /** The input is well-formed but breaks a rule; `violations` names each field. */
  invalid: { http: 400, grpc: 3 },
  /** The input cannot be read at all (bad JSON, bad bytes). */
  malformed: { http: 400, grpc: 3 },
  /** This control plane is configured not to issue tokens of that kind. */
  issuer_disabled: { http: 400, grpc: 9 },
  unauthenticated: { http: 401, grpc: 16 },
  access_denied: { http: 403, grpc: 7 },
  not_found: { http: 404, grpc: 5 },
  signing_key_not_found: { http: 404, grpc: 5 },
  /** The resource is owned by another control plane, or is not written by people. */
  read_only: { http: 405, grpc: 9 },
  /** An optimistic version did not match, or the resource exists already. */
  conflict: { http: 409, grpc: 10 },
  too_large: { http: 413, grpc: 8 },
  /** The peer, or this control plane, does not know what is asked of it. */
  unimplemented: { http: 501, grpc: 12 },
  /** A store or peer cannot be reached now; trying again may help. */
  unavailable: { http: 503, grpc: 14 },
  /** A bug or a broken dependency: logged whole, told to nobody. */
  internal: { http: 500, grpc: 13 },
} as const;

export type ErrorCode = keyof typeof ERROR_STATUS;

/** The kind of failure that a gRPC status stands for; what only gRPC knows of is `unavailable`. */
export function errorCodeOf(grpcStatus: number): ErrorCode {
  const known = Object.entries(ERROR_STATUS).find(([, { grpc }]) => grpc === grpcStatus)?.[0] as ErrorCode | undefined;
  return known ?? 'unavailable';
}

/** One broken rule: the field as the caller wrote it (`tags["kuma.io/service"]`) and what is allowed there. */
export interface Violation {
  readonly field: string;
  readonly reason: string;
}

export interface ErrorDetails {
  readonly violations?: readonly Violation[];
  readonly cause?: unknown;
}

/**
 * Every failure that a caller may see. The message is lower-case, has no full stop, names the resource and says
 * what to do next; it never holds a token or a key.
 */
export class ControlPlaneError extends Error {
  readonly code: ErrorCode;
  readonly violations: readonly Violation[];

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.violations = details.violations ?? [];
  }

  /** Wraps whatever was thrown at a boundary; an error of ours passes through unchanged. */
  static from(thrown: unknown): ControlPlaneError {
    if (thrown instanceof ControlPlaneError) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new ControlPlaneError('internal', message, { cause: thrown });
  }
}

/** What a zod schema found wrong, with each place as its writer would name it: `scope[0]`, `tags["kuma.io/service"]`. */
export function violationsIn(error: SchemaError | undefined): Violation[] {
  return (error?.issues ?? []).map(({ path, message }) => ({ field: fieldPath(path), reason: message }));
}

interface SchemaError {
  readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
}

function fieldPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((field, step) => {
    if (typeof step === 'number') return `${field}[${step}]`;
    const name = String(step);
    if (!/^[A-Za-z_]\w*$/.test(name)) return `${field}[${JSON.stringify(name)}]`;
    return field === '' ? name : `${field}.${name}`;
  }, '');
}

/** The usual refusal of input: one or more fields and what is allowed there. */
export function invalid(...violations: Violation[]): ControlPlaneError {
  const told = violations.map(({ field, reason }) => `${field}: ${reason}`).join('; ');
  return new ControlPlaneError('invalid', `resource is not valid: ${told}`, { violations });
}

/** Ends a chain of `switch` or `if` that the types say is complete. */
export function unreachable(value: never): never {
  throw new TypeError(`unexpected value ${JSON.stringify(value)}`);
}
