import { startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let lab: WiredLab;
beforeAll(async () => {
  lab = await startWiredLab({ zones: ['east'] });
});
afterAll(() => lab.stop());

interface Told {
  readonly id: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}
const kept = async (headers = {}) =>
  (await lab.global.get<{ items: Told[] }>('/koguma/events', { headers })).body.items;
const of = (events: readonly Told[], name: string) => events.filter(({ fields }) => fields.name === name);

/** Follows events as a browser's EventSource does. */
async function follow(headers: Record<string, string> = {}) {
  const end = new AbortController();
  const answer = await fetch(`${lab.global.url}/koguma/events`, {
    headers: { accept: 'text/event-stream', ...headers },
    signal: end.signal,
  });
  const reader = (answer.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  return {
    type: answer.headers.get('content-type'),
    /** Resolves with the first event of that name that comes. */
    async until(name: string): Promise<{ id: string; data: Told }> {
      for (;;) {
        for (const block of text.split('\n\n')) {
          const [, id, data] = /^id: (.*)\ndata: (.*)$/.exec(block) ?? [];
          const told = data === undefined ? undefined : (JSON.parse(data) as Told);
          if (id !== undefined && told?.fields.name === name) return { id, data: told };
        }
        const { done, value } = await reader.read();
        if (done) throw new Error(`the stream ended without ${name}: ${text}`);
        text += value;
      }
    },
    seen: () => text,
    end: () => end.abort(),
  };
}

describe('events', () => {
  it('tell what was written, by whom, and by which request', async () => {
    const token = await lab.global.issue('user', { name: 'ann', groups: ['mesh-system:admin'], validFor: '1h' });
    await lab.global.call('PUT', '/meshes/by-ann?dryRun=false', { type: 'Mesh', name: 'by-ann' }, { token });
    const [created] = of(await kept(), 'by-ann');
    expect(created).toMatchObject({
      event: 'created',
      fields: { type: 'Mesh', revision: expect.any(Number) as number, user: 'ann', cause: 'PUT /meshes/by-ann' },
    });
    await lab.global.call('DELETE', '/meshes/by-ann');
    expect(of(await kept(), 'by-ann').at(-1)).toMatchObject({
      event: 'deleted',
      fields: { user: 'mesh-system:admin', cause: 'DELETE /meshes/by-ann' },
    });
    const events = await kept();
    expect(events.find(({ event }) => event === 'issued a token')).toMatchObject({ fields: { kind: 'user' } });
    expect(events.some(({ event, fields }) => event === 'zone connected' && fields.zone === 'east')).toBe(true);
    expect(JSON.stringify(events)).not.toContain(token.split('.')[2]);
  });

  it('hold no secret', async () => {
    const pem = await lab.makeKey();
    await lab.global.putSecret('zone-ingress-token-signing-key-7', pem);
    await lab.global.putSecret('password', 'hunter2', { mesh: 'default' });
    const text = JSON.stringify(await kept());
    for (const secret of [pem.split('\n')[1] ?? pem, 'hunter2', Buffer.from('hunter2').toString('base64')])
      expect(text).not.toContain(secret);
    expect(text).toContain('zone-ingress-token-signing-key-7');
  });

  it('come as they happen, and go on after the last one that was seen', async () => {
    const first = await follow();
    expect(first.type).toBe('text/event-stream');
    await lab.global.createMesh('live');
    const { id } = await first.until('live');
    first.end();
    await lab.global.createMesh('meanwhile');
    const again = await follow({ 'last-event-id': id });
    await again.until('meanwhile');
    expect(again.seen()).not.toContain('"live"');
    again.end();
    expect(of(await kept({ 'last-event-id': id }), 'live')).toEqual([]);
  });

  it('can be downloaded as JSON lines', async () => {
    const answer = await fetch(`${lab.global.url}/koguma/events`, { headers: { accept: 'application/x-ndjson' } });
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
    const text = await answer.text();
    const lines = text.trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as Told).id)).toEqual(
      expect.arrayContaining((await kept()).map(({ id }) => id)),
    );
  });

  it('are for administrators', async () => {
    const token = await lab.global.issue('user', { name: 'bob', validFor: '1h' });
    expect((await lab.global.get('/koguma/events', { token })).status).toBe(403);
  });
});
