import { type IncomingMessage, request } from 'node:http';
import type { Answer } from '@koguma/testkit';
import fc from 'fast-check';
import type { Operation } from './api-description.js';

/** A request as it goes over the wire. */
export interface HostileRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: string | Buffer | undefined;
}

/** What a request may have in it. */
export interface Ingredients {
  readonly operations: readonly Operation[];
  /** Names of what is there; some of it is only ever read, or deleted in a dry run. */
  readonly names: readonly string[];
  /** Tokens and keys, to be put where they belong and where they do not. */
  readonly secrets: readonly string[];
  /** Good bodies by the names of their schemas, to be spoilt, and to be sent where they do not belong. */
  readonly bodies: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;
}

const ODD_NAMES = [
  '',
  '.',
  '..',
  '-',
  '_',
  'A',
  'a'.repeat(253),
  'a'.repeat(254),
  '__proto__',
  'constructor',
  'toString',
  '0',
];
const ODD_SEGMENTS = ['%', '%zz', '%ff', '%00', '%2e%2e', '%2F', '..;', 'a+b', 'a%20b', '*', ':name', '{name}'];
const ODD_NUMBERS = ['0', '-1', '1', '1000', '1001', '1e3', '0x10', ' 1', '١', '99999999999999999999', 'NaN', ''];
const QUERY_KEYS = ['size', 'offset', 'name', 'tag', 'gateway', 'type', 'dryRun', 'format', '__proto__'];
const FILTER_KEYS = [
  'filter',
  'filter[',
  'filter[]',
  'filter[labels.]',
  'filter[labels.kuma.io/zone]',
  'filter[labels.__proto__]',
];
const ODD_BODIES = [
  '',
  ' ',
  '{',
  '[]',
  'null',
  '1',
  '"a"',
  '{}',
  '{"a":1}{"b":2}',
  '{"__proto__":{"a":1}}',
  '{"a":1,"a":2}',
  '\u0000',
];

const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 20 }), fc.string({ maxLength: 300 }));

/** Requests that no client of good faith sends, among some that one would. */
export function hostileRequest({ operations, names, secrets, bodies }: Ingredients): fc.Arbitrary<HostileRequest> {
  const secret = fc.constantFrom(...secrets);
  const name = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...names) },
    { weight: 2, arbitrary: fc.stringMatching(/^fuzz-[a-z0-9]{1,3}$/) },
    { weight: 1, arbitrary: fc.constantFrom(...ODD_NAMES) },
    { weight: 1, arbitrary: text },
  );
  const segment = fc.oneof(
    { weight: 9, arbitrary: name.map((written) => encodeURIComponent(written)) },
    { weight: 1, arbitrary: fc.constantFrom(...ODD_SEGMENTS) },
  );
  const key = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...QUERY_KEYS) },
    { weight: 2, arbitrary: fc.constantFrom(...FILTER_KEYS) },
    { weight: 1, arbitrary: text },
  );
  const value = fc.oneof(fc.constantFrom(...ODD_NUMBERS, 'true', 'false', 'builtin', 'a:b', ':'), name, secret, text);
  const query = fc
    .array(fc.tuple(key, value), { maxLength: 4 })
    .map((pairs) => pairs.map((pair) => pair.map((part) => encodeURIComponent(part)).join('=')).join('&'));
  const authorization = fc.oneof(
    secret.map((token) => `Bearer ${token.replace(/\s+/g, '')}`),
    secret.map((token) => token.replace(/\s+/g, ' ')),
    fc.constantFrom('Bearer', 'Bearer x', 'Bearer a.b.c', 'Basic YTpi', ''),
  );
  const headers = fc.record(
    {
      authorization,
      'content-type': fc.constantFrom(
        'application/json',
        'application/json; charset=x',
        'text/plain',
        'multipart/form-data',
        '',
      ),
      'x-forwarded-for': fc.constantFrom('203.0.113.7', ''),
      host: fc.constantFrom('localhost', 'evil.example', '[::1]:5681', 'a b'),
      origin: fc.constantFrom('null', 'http://evil.example', 'http://localhost'),
      accept: fc.constantFrom('text/html', '*/*'),
      'x-http-method-override': fc.constant('DELETE'),
    },
    { requiredKeys: [] },
  );
  return fc
    .constantFrom(...operations)
    .chain((operation) =>
      fc.record({
        operation: fc.constant(operation),
        wrongMethod: fc.oneof(
          { weight: 19, arbitrary: fc.constant(undefined) },
          { weight: 1, arbitrary: fc.constantFrom('POST', 'PATCH', 'PUT', 'OPTIONS', 'TRACE', 'QUERY') },
        ),
        segments: fc.array(segment, { minLength: 2, maxLength: 2 }),
        query,
        headers: fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: headers }),
        body: bodyOf(goodBodies(bodies, operation), secret),
      }),
    )
    .map(({ operation, wrongMethod, segments, query, headers, body }) => {
      const rest = [...segments];
      const path = operation.path.replace(/\{\w+\}/g, () => rest.shift() ?? 'x');
      const method = wrongMethod ?? operation.method;
      // What the others need is not deleted for real.
      const dryRun = method === 'DELETE' && names.some((known) => path.endsWith(`/${known}`)) ? 'dryRun=true' : '';
      const asked = dryRun || query;
      const hasBody = method !== 'GET' && method !== 'DELETE';
      return {
        method,
        path: asked === '' ? path : `${path}?${asked}`,
        headers: headers as Record<string, string>,
        body: hasBody ? body : undefined,
      };
    });
}

/** Those that the operation takes, nine times out of ten. */
function goodBodies(
  bodies: Ingredients['bodies'],
  { requestBody }: Operation,
): fc.Arbitrary<Readonly<Record<string, unknown>>> {
  const [, name = ''] = /schemas\/(\w+)/.exec(JSON.stringify(requestBody ?? '')) ?? [];
  const all = Object.values(bodies).flat();
  return fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...(bodies[name] ?? all)) },
    { weight: 1, arbitrary: fc.constantFrom(...all) },
  );
}

/** A good body, a good one with something else in the place of a member, or something else altogether. */
function bodyOf(
  good: fc.Arbitrary<Readonly<Record<string, unknown>>>,
  secret: fc.Arbitrary<string>,
): fc.Arbitrary<string | Buffer> {
  const other = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom({}, [], null, '', 0));
  const spoilt = fc
    .tuple(good, fc.nat(), other)
    .map(([body, at, value]) => spoil(body, at, value))
    .map((body) => JSON.stringify(body));
  const deep = fc.integer({ min: 50, max: 5_000 }).map((depth) => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`);
  const holdsSecret = secret.map((data) =>
    JSON.stringify({ data: Buffer.from(data).toString('base64'), token: data, kind: 'user' }),
  );
  return fc.oneof(
    { weight: 4, arbitrary: good.map((body) => JSON.stringify(body)) },
    { weight: 8, arbitrary: spoilt },
    { weight: 2, arbitrary: holdsSecret },
    { weight: 1, arbitrary: holdsSecret.map((json) => json.slice(0, -4)) },
    { weight: 2, arbitrary: fc.constantFrom(...ODD_BODIES) },
    { weight: 1, arbitrary: deep },
    { weight: 1, arbitrary: fc.json({ maxDepth: 3 }) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)) },
    { weight: 1, arbitrary: fc.constant('a'.repeat(70_000)) },
  );
}

/** The same, with something else at one of its places, at whatever depth. */
function spoil(whole: unknown, at: number, other: unknown): unknown {
  if (typeof whole !== 'object' || whole === null) return other;
  const entries = Object.entries(whole);
  const [name, inner] = entries[at % (entries.length + 1)] ?? [];
  if (name === undefined) return other;
  const changed = spoil(inner, Math.floor(at / (entries.length + 1)), other);
  return Array.isArray(whole) ? whole.with(Number(name), changed) : { ...whole, [name]: changed };
}

/** Sends it on a connection of its own, just as it is. @throws when there is no whole answer in `deadlineMs` */
export function send(port: number, { method, path, headers, body }: HostileRequest, deadlineMs: number) {
  return new Promise<Answer>((resolve, reject) => {
    const signal = AbortSignal.timeout(deadlineMs);
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const options = { host: '127.0.0.1', port, method, path, headers: { ...length, ...headers }, agent: false, signal };
    const sent = request(options, (response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const all = Object.entries(response.headers).map(([name, value]) => [name, String(value)] as [string, string]);
        resolve({
          status: response.statusCode ?? 0,
          text: Buffer.concat(chunks).toString(),
          headers: new Headers(all),
          body: {},
        });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
