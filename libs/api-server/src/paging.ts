import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { RestError } from './errors.js';
import type { Named } from './route-facts.js';

const DEFAULT_SIZE = 100;
const LARGEST_SIZE = 1_000;
const LABEL_FILTER = /^filter\[labels\.(.+)\]$/;

/** A query as Fastify reads it: a list where a key came more than once. */
export type Query = Readonly<Record<string, string | string[] | undefined>>;

/** What lists read of a query, as it is told to people. */
export const PAGE_QUERY = z.object({
  size: z.int().min(1).max(LARGEST_SIZE).default(DEFAULT_SIZE).describe('how many items a page has at most'),
  offset: z.int().min(0).default(0).describe('how many items to skip, as "next" tells it'),
  name: z.string().optional().describe('only items with this in their name'),
  filter: z
    .record(z.string().regex(/^labels\../), z.string())
    .optional()
    .describe('only items with these labels: filter[labels.{label}]={value}, more than one of them together'),
});

/** One page as Kuma shows it; `total` counts all that match, not the page. */
export interface Page {
  readonly total: number;
  readonly items: readonly object[];
  readonly next: string | null;
}

/** The schema of a page of such items. */
export function pageOfItems({ name, schema }: Named): Named<Page> {
  return {
    name: `${name}List`,
    schema: z.object({
      total: z.int().min(0),
      items: z.array(schema as z.ZodType<object>),
      next: z.string().nullable().describe('the address of the next page'),
    }),
  };
}

/** Cuts out the page that a request asks for (see {@link PAGE_QUERY}) and shows its items. */
export function pageOf<T extends { readonly name: string; readonly labels: Readonly<Record<string, string>> }>(
  request: FastifyRequest,
  resources: readonly T[],
  show: (resource: T) => object,
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

function matcher(query: Query) {
  const wanted: [string, string | undefined][] = [];
  for (const [key, value] of Object.entries(query)) {
    if (!key.startsWith('filter[')) continue;
    const label = LABEL_FILTER.exec(key)?.[1];
    if (label === undefined) throw refusal('Invalid filter', key, 'must be filter[labels.{key}]');
    for (const one of [value].flat()) wanted.push([label, one]);
  }
  const part = [query.name].flat()[0] ?? '';
  return ({ name, labels }: { readonly name: string; readonly labels: Readonly<Record<string, string>> }) =>
    name.includes(part) && wanted.every(([label, value]) => labels[label] === value);
}

/**
 * The same address with the next offset: absolute, since kumactl takes nothing else, by the name the caller used. Of
 * the query it repeats what the route reads: a token may have strayed into the rest.
 */
function nextUrl(request: FastifyRequest, query: Query, offset: number): string {
  const read = request.routeOptions.config.description?.query?.shape ?? {};
  const next = new URLSearchParams();
  for (const [key, value] of Object.entries({ ...query, offset: `${offset}` })) {
    if (!Object.hasOwn(read, key.replace(/\[.*/s, ''))) continue;
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
