import type { Resource } from '@koguma/resources';
import type { FastifyRequest } from 'fastify';
import { RestError } from './errors.js';

const DEFAULT_SIZE = 100;
const LARGEST_SIZE = 1_000;
const LABEL_FILTER = /^filter\[labels\.(.+)\]$/;

type Query = Readonly<Record<string, string | string[] | undefined>>;

/** One page as Kuma shows it; `total` counts all that match, not the page. */
export interface Page {
  readonly total: number;
  readonly items: readonly object[];
  readonly next: string | null;
}

/** Cuts out the page that a request asks for (`size`, `offset`, `name`, `filter[labels.…]`) and shows its items. */
export function pageOf(
  request: FastifyRequest,
  resources: readonly Resource[],
  show: (resource: Resource) => object,
): Page {
  const query = request.query as Query;
  const size = wholeNumber(query.size, DEFAULT_SIZE);
  if (size === undefined || size < 1 || size > LARGEST_SIZE) {
    throw refusal('Invalid page size', 'size', `must be a whole number from 1 to ${LARGEST_SIZE}`);
  }
  const offset = wholeNumber(query.offset, 0);
  if (offset === undefined) throw refusal('Invalid offset', 'offset', 'must be a whole number, as given in "next"');

  const matching = resources.filter(matcher(query));
  const end = offset + size;
  return {
    total: matching.length,
    items: matching.slice(offset, end).map(show),
    next: end < matching.length ? nextUrl(request, query, end) : null,
  };
}

function wholeNumber(value: string | string[] | undefined, absent: number): number | undefined {
  if (value === undefined || value === '') return absent;
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : undefined;
  return number !== undefined && Number.isSafeInteger(number) ? number : undefined;
}

function matcher(query: Query): (resource: Resource) => boolean {
  const labels: [string, string | undefined][] = [];
  for (const [key, value] of Object.entries(query)) {
    if (!key.startsWith('filter[')) continue;
    const label = LABEL_FILTER.exec(key)?.[1];
    if (label === undefined) throw refusal('Invalid filter', key, 'must be filter[labels.{key}]');
    for (const wanted of [value].flat()) labels.push([label, wanted]);
  }
  const part = [query.name].flat()[0] ?? '';
  return (resource) => resource.name.includes(part) && labels.every(([key, value]) => resource.labels[key] === value);
}

/** The same address with the next offset: absolute, since kumactl takes nothing else, by the name the caller used. */
function nextUrl(request: FastifyRequest, query: Query, offset: number): string {
  const next = new URLSearchParams();
  for (const [key, value] of Object.entries({ ...query, offset: `${offset}` })) {
    for (const one of [value].flat()) next.append(key, one ?? '');
  }
  next.sort();
  const [path] = request.url.split('?', 1);
  const origin = request.headers.host === undefined ? '' : `${request.protocol}://${request.headers.host}`;
  return `${origin}${path}?${next}`;
}

function refusal(detail: string, field: string, reason: string): RestError {
  return new RestError('invalid', detail, { violations: [{ field, reason }] });
}
