import type { Target } from '../config/control-planes.js';
import { Failure } from '../failure.js';
import type { Answer } from './http.js';

/** A control plane's refusal, in its own words: `title (detail)`, then one line for each field. */
export class Refused extends Failure {
  readonly status: number;

  constructor(status: number, what: string, todo: string) {
    super(what, todo);
    this.name = 'Refused';
    this.status = status;
  }
}

interface ErrorBody {
  readonly title: string;
  readonly detail: string;
  readonly details: string;
  readonly invalid_parameters: readonly BadField[];
  readonly causes: readonly BadField[];
}

interface BadField {
  readonly field: string;
  readonly reason?: string;
  readonly message?: string;
}

/** What anybody can do about a refusal, where the command knows no better. */
const ADVICE: Readonly<Record<number, (target: Target) => string>> = {
  401: ({ name }) =>
    `The credential of context "${name}" is not good there: add the control plane again with a good one and --overwrite.`,
  403: () =>
    'Speak as somebody who may: --context NAME chooses another one (npx kogumactl config control-planes list).',
  404: ({ apiServer }) => `Check the name, and that ${apiServer.url} is the control plane that you mean.`,
  405: () => 'Write it where the answer says: --context NAME chooses another control plane.',
  409: () => 'Look at how it is there now, and try again.',
};

/** Puts an answer that is no success into words. Kuma before 2.8 has `details` and `causes`, later ones also the others. */
export function refusal(target: Target, { status, text }: Answer): Refused {
  const todo =
    ADVICE[status]?.(target) ??
    (status < 500 ? 'Mend what it names, and try again.' : 'Look into the log of the control plane.');
  const body = errorBodyIn(text);
  if (!body.title) {
    const told = text.trim().slice(0, 300);
    return new Refused(status, `(${status}): ${told === '' ? 'an empty answer' : told}`, todo);
  }
  const detail = body.detail || body.details;
  const fields = body.invalid_parameters ?? body.causes ?? [];
  const lines = fields.map(({ field, reason, message }) => `\n* ${field}: ${reason ?? message}`);
  return new Refused(status, `${body.title}${detail ? ` (${detail})` : ''}${lines.join('')}`, todo);
}

const NOT_TRUSTED =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_.*|CERT_.*|ERR_TLS_CERT_ALTNAME_INVALID)$/;
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no such host',
  ECONNRESET: 'the connection was cut',
  EPROTO: 'it does not speak TLS',
  HPE_INVALID_CONSTANT: 'it does not speak HTTP',
};

/** Puts into words that there was no answer. */
export function unreachable({ name, apiServer }: Target, error: Error, timeoutMs: number): Failure {
  const { code = '' } = error as NodeJS.ErrnoException;
  const where = `the control plane "${name}" at ${apiServer.url}`;
  if (error.name === 'TimeoutError' || code === 'ABORT_ERR') {
    return new Failure(`${where} did not answer within ${timeoutMs / 1000} s`, 'Give it longer with --api-timeout.');
  }
  if (NOT_TRUSTED.test(code)) {
    const todo =
      'Add it again with --ca-cert-file FILE of the CA that signed it, or with --skip-verify, and --overwrite.';
    return new Failure(`the certificate of ${where} is not trusted: ${error.message}`, todo);
  }
  const todo = 'Is it running? Start a lab with: npx kogumactl up. Or choose another one with --context NAME.';
  return new Failure(`${where} cannot be reached: ${WORDS[code] ?? (error.message || code)}`, todo);
}

function errorBodyIn(text: string): Partial<ErrorBody> {
  try {
    return Object(JSON.parse(text)) as Partial<ErrorBody>;
  } catch {
    return {};
  }
}
