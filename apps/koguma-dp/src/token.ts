import { readText } from './adapters/files.js';
import { Failure } from './failure.js';

/** Where a proxy has its token from; nowhere, when neither is there. */
export interface TokenSource {
  readonly inline?: string | undefined;
  /** Absolute: the control plane may have it read again later. */
  readonly path?: string | undefined;
}

const HOW = 'Generate one with kumactl generate dataplane-token, and give it with --dataplane-token-file.';

/**
 * The token as it is now; '' when there is none. The one that was given itself counts before that in a file.
 * @throws Failure that says what is wrong with it, before anybody is asked with it
 */
export function readToken({ inline, path }: TokenSource): string {
  if (inline !== undefined) return checked(inline, 'the token');
  return path === undefined ? '' : checked(readText(path, 'the token file'), `the token in ${path}`);
}

/** Without the white space around it, in which shells and editors are generous. */
function checked(text: string, name: string): string {
  const token = text.trim();
  if (token === '') throw new Failure(`${name} is empty`, HOW);
  if (/\s/.test(token)) throw new Failure(`${name} is broken over lines, or has blanks in it`, 'Write it on one line.');
  const segments = token.split('.');
  if (segments.length !== 3 || !hasAlgorithm(segments[0] ?? ''))
    throw new Failure(`${name} is not a token: a JWT has three parts, and the first names its algorithm`, HOW);
  return token;
}

function hasAlgorithm(header: string): boolean {
  try {
    const { alg } = Object(JSON.parse(Buffer.from(header, 'base64url').toString())) as { alg?: unknown };
    return typeof alg === 'string' && alg !== '';
  } catch {
    return false;
  }
}
