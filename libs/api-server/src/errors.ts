import { STATUS_CODES } from 'node:http';
import { ControlPlaneError, ERROR_STATUS, type ErrorCode, type Violation } from '@koguma/core';
import { HttpException } from '@nestjs/common';
import { z } from 'zod';

interface RestErrorDetails {
  readonly title?: string;
  readonly violations?: readonly Violation[];
  readonly cause?: unknown;
}

/** A failure whose words for the caller are chosen where it is thrown: its message is told as it is. */
export class RestError extends ControlPlaneError {
  readonly title: string | undefined;

  constructor(code: ErrorCode, detail: string, { title, ...details }: RestErrorDetails = {}) {
    super(code, detail, details);
    this.title = title;
  }
}

/** What a route's failures are called, where the kind of failure does not say it. */
export interface ErrorTitles {
  readonly failed: string;
  /** Of refused input, where that has a name of its own. */
  readonly invalid?: string;
}

/** A failure as a caller is told of it. */
export interface Answer {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly violations: readonly Violation[];
}

/** Titles that Kuma gives to a kind of failure, on whatever route it happens. */
const TITLES: Partial<Record<ErrorCode, string>> = {
  malformed: 'Bad Request',
  issuer_disabled: 'Could not issue a token',
  unauthenticated: 'Invalid authentication data',
  access_denied: 'Access Denied',
  signing_key_not_found: 'Signing Key not found',
  read_only: 'Method not allowed',
  conflict: 'Conflict',
  too_large: 'Payload Too Large',
};

/** What the caller is told instead of the message: these say too much, or Kuma's clients know another sentence. */
const DETAILS: Partial<Record<ErrorCode, string>> = {
  invalid: 'Resource is not valid',
  not_found: 'Not found',
};

/** Failures of which a caller must never learn more than this, whoever worded them. */
const SECRECY: Partial<Record<ErrorCode, string>> = {
  unauthenticated: 'Unauthenticated',
  internal: 'Internal Server Error',
};

/** Puts whatever was thrown into words for the caller. */
export function answerTo(thrown: unknown, titles: ErrorTitles | undefined): Answer {
  if (thrown instanceof HttpException && thrown.getStatus() < 500)
    return httpAnswer(thrown.getStatus(), thrown.message);
  const error = ControlPlaneError.from(thrown);
  const own = error instanceof RestError ? error : undefined;
  const ofRoute = error.code === 'invalid' ? (titles?.invalid ?? titles?.failed) : titles?.failed;
  const status = ERROR_STATUS[error.code].http;
  return {
    status,
    title: own?.title ?? TITLES[error.code] ?? ofRoute ?? statusText(status),
    detail: SECRECY[error.code] ?? own?.message ?? DETAILS[error.code] ?? error.message,
    violations: error.violations,
  };
}

/** What only HTTP knows of: no such page, method or content type. */
export function httpAnswer(status: number, detail: string): Answer {
  const title = status === 405 ? 'Method not allowed' : statusText(status);
  return { status, title, detail, violations: [] };
}

/** The body of every failure. */
export const ERROR_BODY = z.object({
  type: z.literal('/std-errors'),
  status: z.int(),
  title: z.string(),
  detail: z.string(),
  invalid_parameters: z.array(z.object({ field: z.string(), reason: z.string() })).optional(),
  details: z.string().describe('the same as detail, for kumactl 2.0'),
  causes: z
    .array(z.object({ field: z.string(), message: z.string() }))
    .optional()
    .describe('the same as invalid_parameters, for kumactl 2.0'),
});

/**
 * The body that every Kuma client understands: kumactl 2.8 and later read `detail` and `invalid_parameters`,
 * kumactl 2.0 reads `details` and `causes`.
 */
export function errorBody({ status, title, detail, violations }: Answer): z.infer<typeof ERROR_BODY> {
  const hasFields = violations.length > 0;
  return {
    type: '/std-errors',
    status,
    title,
    detail,
    ...(hasFields ? { invalid_parameters: violations.map(({ field, reason }) => ({ field, reason })) } : {}),
    details: detail,
    ...(hasFields ? { causes: violations.map(({ field, reason }) => ({ field, message: reason })) } : {}),
  };
}

/** JSON as Kuma writes it: indented by one space, with a line end. */
export function kumaJson(value: unknown): string {
  return `${JSON.stringify(value, null, 1)}\n`;
}

function statusText(status: number): string {
  return STATUS_CODES[status] ?? 'Error';
}
