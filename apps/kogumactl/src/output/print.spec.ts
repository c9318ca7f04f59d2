import { beforeEach, describe, expect, it } from 'vitest';
import { KINDS } from '../resources/kinds.js';
import { type Column, printDocument, printRows } from './print.js';

let text: string;
const terminal = { out: { write: (more: string) => (text += more) } };
beforeEach(() => {
  text = '';
});

function printed<T>(columns: readonly Column<T>[], items: readonly T[]): string {
  printRows(columns, items, terminal);
  return text;
}

const columnsOf = (type: string) => KINDS.find((kind) => kind.type === type)?.columns ?? [];
const secondsAgo = (seconds: number) => new Date(Date.now() - seconds * 1_000).toISOString();

describe('a table', () => {
  it('of global secrets looks as in the documents', () => {
    const items = [{ name: 'zone-ingress-token-signing-key-1', modificationTime: secondsAgo(7) }];
    expect(printed(columnsOf('GlobalSecret'), items)).toBe(
      ['NAME                               AGE', 'zone-ingress-token-signing-key-1   7s', ''].join('\n'),
    );
  });

  it('of secrets looks as in the documents', () => {
    const name = 'dataplane-token-signing-key-default-1';
    const items = [{ mesh: 'default', name, modificationTime: secondsAgo(49) }];
    expect(printed(columnsOf('Secret'), items)).toBe(
      [
        'MESH      NAME                                    AGE',
        'default   dataplane-token-signing-key-default-1   49s',
        '',
      ].join('\n'),
    );
  });

  it('of meshes looks as in Kuma 2.14', () => {
    const modificationTime = '0001-01-01T00:00:00Z';
    const items = [
      {
        name: 'mesh1',
        modificationTime,
        mtls: { enabledBackend: 'ca-2', backends: [{ name: 'ca-2', type: 'builtin' }] },
        routing: { localityAwareLoadBalancing: true },
      },
      { name: 'm', modificationTime, mtls: { enabledBackend: 'gone', backends: [] }, routing: { zoneEgress: true } },
    ];
    expect(printed(columnsOf('Mesh'), items)).toBe(
      [
        'NAME    mTLS           LOCALITY   ZONEEGRESS   AGE',
        'mesh1   builtin/ca-2   on         off          292y',
        'm       off            off        on           292y',
        '',
      ].join('\n'),
    );
  });

  it('of dataplanes shows the address that others use', () => {
    const networking = { address: '10.0.0.1', inbound: [{ tags: { 'kuma.io/service': 'web' } }, {}] };
    const items = [
      { mesh: 'default', name: 'web-1', modificationTime: secondsAgo(130), networking },
      { mesh: 'default', name: 'gw', networking: { ...networking, inbound: [], advertisedAddress: '192.0.2.1' } },
    ];
    expect(printed(columnsOf('Dataplane'), items)).toBe(
      [
        'MESH      NAME    TAGS                  ADDRESS     AGE',
        'default   web-1   kuma.io/service=web   10.0.0.1    2m',
        'default   gw                            192.0.2.1   292y',
        '',
      ].join('\n'),
    );
  });

  it('has no blanks where the last cells of a row are empty', () => {
    const columns = ['A', 'B'].map((heading) => ({ heading, cell: () => '' }));
    expect(printed(columns, [1])).toBe('A   B\n\n');
  });

  it('has its headings also when there is nothing below', () => {
    expect(printed(columnsOf('Zone'), [])).toBe('NAME   AGE\n');
  });

  it('passes on nothing that a terminal would act on', () => {
    const items = [{ name: '\x1b[31mred\r\n\u009b' }];
    expect(printed(columnsOf('Zone'), items)).toContain('\n?[31mred???   292y\n');
  });
});

describe('a document', () => {
  const VALUE = { total: 1, items: [{ name: 'a', data: 'x'.repeat(200) }], next: null };

  it('of JSON is indented by two', async () => {
    await printDocument('json', VALUE, terminal);
    expect(text).toBe(`${JSON.stringify(VALUE, null, 2)}\n`);
  });

  it('of YAML keeps long lines whole', async () => {
    await printDocument('yaml', VALUE, terminal);
    expect(text).toBe(`total: 1\nitems:\n  - name: a\n    data: ${'x'.repeat(200)}\nnext: null\n`);
  });
});
