import { invalid, NANOS_PER_SECOND, parseDuration, type Violation, violationsIn } from '@koguma/core';
import { type TokenKindName, type TokenRequest, tokenKind } from './token-kinds.js';

/** A request that can be issued as it is. */
export interface IssueOrder extends TokenRequest {
  readonly validForSeconds: number;
}

/** Reading one takes time in proportion to its length squared; real ones are a few characters. */
const LONGEST_DURATION = 100;

/**
 * Reads the body of `POST /tokens/{kind}`. `validFor` is a Go duration; whole seconds of it count.
 * @throws ControlPlaneError `invalid` that names every field that is wrong
 */
export function readTokenRequest(kind: TokenKindName, body: unknown): IssueOrder {
  const { request, defaultValidFor } = tokenKind(kind);
  const parsed = request.safeParse(body);
  const violations = violationsIn(parsed.error);
  const validForSeconds = readValidFor((body as { validFor?: unknown } | null)?.validFor, defaultValidFor, violations);
  if (!parsed.success || violations.length > 0) throw invalid(...violations);
  return { ...parsed.data, validForSeconds };
}

function readValidFor(value: unknown, byDefault: number | undefined, violations: Violation[]): number {
  const refuse = (reason: string) => {
    violations.push({ field: 'validFor', reason });
    return 0;
  };
  if (value === undefined || value === null || value === '') return byDefault ?? refuse('cannot be empty');
  if (typeof value !== 'string' || value.length > LONGEST_DURATION)
    return refuse('must be a string with a duration, such as 24h or 1h30m');
  try {
    const nanos = parseDuration(value);
    return nanos >= NANOS_PER_SECOND ? Number(nanos / NANOS_PER_SECOND) : refuse('must be at least 1s');
  } catch (error) {
    return refuse(`is invalid: ${(error as RangeError).message}`);
  }
}
