import type { Resource } from '@koguma/resources';
import type { FastifyRequest } from 'fastify';
import { describe, expect, test } from 'vitest';
import { RestError } from './errors.js';
import { PAGE_QUERY, pageOf } from './paging.js';

const zones = (count: number) => Array.from({ length: count }, (_, n) => zone(`zone-${n}`));
const zone = (name: string, labels: Record<string, string> = {}) => ({ name, labels }) as Resource;

const routeOptions = { config: { description: { query: PAGE_QUERY } } };
const ask = (resources: readonly Resource[], query: object, more: object = {}) =>
  pageOf(
    {
      query,
      url: '/zones?x',
      protocol: 'http',
      headers: { host: 'h' },
      routeOptions,
      ...more,
    } as unknown as FastifyRequest,
    resources,
    ({ name }) => ({ name }),
  );
const names = (items: readonly object[]) => items.map((item) => (item as { name: string }).name);

describe('a page', () => {
  test('holds a hundred, unless up to a thousand are asked for', () => {
    expect(ask(zones(1_200), {})).toMatchObject({
      total: 1_200,
      items: { length: 100 },
      next: 'http://h/zones?offset=100',
    });
    expect(ask(zones(1_200), { size: '1000' }).items).toHaveLength(1_000);
    expect(ask(zones(100), { size: '', offset: '' })).toMatchObject({ items: { length: 100 }, next: null });
    expect(ask(zones(3), { offset: '7' })).toEqual({ total: 3, items: [], next: null });
  });

  test('repeats in next what it read, and leaves the host out when it is not known', () => {
    const query = { size: '1', name: 'zone', 'filter[labels.team]': ['a', 'a'], token: 'eyJ', toString: 'eyJ' };
    const resources = [zone('zone-1', { team: 'a' }), zone('zone-2', { team: 'a' })];
    const next = '/zones?filter%5Blabels.team%5D=a&filter%5Blabels.team%5D=a&name=zone&offset=1&size=1';
    expect(ask(resources, query).next).toBe(`http://h${next}`);
    expect(ask(resources, query, { headers: {} }).next).toBe(next);
    expect(ask(resources, query, { protocol: 'https' }).next).toBe(`https://h${next}`);
  });

  test('can be narrowed by name and labels, and counts what is left', () => {
    const resources = [
      zone('east-1', { team: 'a', env: 'x' }),
      zone('east-2', { team: 'b' }),
      zone('west', { team: 'a' }),
    ];
    const found = (query: object) => {
      const { total, items } = ask(resources, query);
      expect(total).toBe(items.length);
      return names(items);
    };
    expect(found({ name: 'east' })).toEqual(['east-1', 'east-2']);
    expect(found({ 'filter[labels.team]': 'a' })).toEqual(['east-1', 'west']);
    expect(found({ 'filter[labels.team]': 'a', 'filter[labels.env]': 'x' })).toEqual(['east-1']);
    expect(found({ 'filter[labels.team]': ['a', 'b'] })).toEqual([]);
    expect(found({ 'filter[labels.none]': '' })).toEqual([]);
  });

  test.each([
    ['size', '0', 'Invalid page size'],
    ['size', '1001', 'Invalid page size'],
    ['size', 'x', 'Invalid page size'],
    ['size', ['1', '2'], 'Invalid page size'],
    ['offset', '-1', 'Invalid offset'],
    ['offset', '1.5', 'Invalid offset'],
    ['offset', '99999999999999999999', 'Invalid offset'],
    ['filter[name]', 'x', 'Invalid filter'],
    ['filter[labels.]', 'x', 'Invalid filter'],
  ])('is refused for %s=%s, by field', (field, value, detail) => {
    const refused = expect.objectContaining({
      code: 'invalid',
      message: detail,
      violations: [{ field, reason: expect.any(String) }],
    });
    expect(() => ask([], { [field]: value })).toThrow(RestError);
    expect(() => ask([], { [field]: value })).toThrow(refused);
  });
});
