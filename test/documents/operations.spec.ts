import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Metrics } from '@koguma/api-server';
import { VirtualClock } from '@koguma/core';
import { describe, expect, it } from 'vitest';
import { exists } from './tests-in.js';

const text = readFileSync(fileURLToPath(new URL('../../docs/operations.md', import.meta.url)), 'utf8');
const section = (title: string) => text.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? '';
/** The cells of each row of the tables of a section, without heads and lines. */
const rowsOf = (title: string) =>
  section(title)
    .split('\n')
    .filter((line, at, lines) => line.startsWith('|') && !line.startsWith('| -') && !lines[at + 1]?.startsWith('| -'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
const bare = (cell: string | undefined) => cell?.replace(/^`|`$/g, '') ?? '';

describe('what is said of outages', () => {
  const rows = rowsOf('Outages');

  it('covers each outage', () => {
    const titles = [...section('Outages').matchAll(/^### (.*)$/gm)].map(([, title]) => title);
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
    const told = rowsOf('Metrics').map(([name, labels = '']) => [bare(name), labels.replaceAll('`', '')]);
    expect(Object.fromEntries(told)).toEqual(Object.fromEntries(served));
    for (const metric of metrics.registry.getMetricsAsArray()) expect(metric.help).not.toBe('');
  });
});
