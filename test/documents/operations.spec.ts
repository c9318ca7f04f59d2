import { Metrics } from '@koguma/api-server';
import { VirtualClock } from '@koguma/core';
import { describe, expect, it } from 'vitest';
import { bare, Page } from '../support/markdown.js';
import { exists } from './tests-in.js';

const page = new Page('operations.md');

describe('what is said of outages', () => {
  const rows = page.rows('## Outages');

  it('covers each outage', () => {
    const titles = [...page.section('## Outages').matchAll(/^### (.*)$/gm)].map(([, title]) => title);
    expect(titles).toEqual([
      'Global is away',
      'One replica of global is away',
      'The database of global is away',
      'The database of a zone is away',
      'The link of a zone is away',
      'A zone is away',
    ]);
    expect(rows.length).toBeGreaterThan(titles.length * 3);
  });

  it('is shown by a test, line by line', () => {
    const missing = rows.map(([, , test]) => bare(test)).filter((test) => !exists(test));
    expect([...new Set(missing)]).toEqual([]);
  });
});

describe('what is said of metrics', () => {
  it('names each with its labels, and none that is not there', async () => {
    const metrics = new Metrics(new VirtualClock());
    metrics.watch({ mode: 'zone', zone: 'east', version: '1' }, () => ({
      revision: 1,
      leads: true,
      streams: {},
      sync: {},
    }));
    const served = metrics.registry
      .getMetricsAsArray()
      .filter(({ name }) => name.startsWith('koguma_'))
      .map((metric) => [metric.name, (metric as unknown as { labelNames: string[] }).labelNames.join(', ')]);
    const told = page.rows('## Metrics').map(([name, labels = '']) => [bare(name), labels.replaceAll('`', '')]);
    expect(Object.fromEntries(told)).toEqual(Object.fromEntries(served));
    for (const metric of metrics.registry.getMetricsAsArray()) expect(metric.help).not.toBe('');
  });
});
