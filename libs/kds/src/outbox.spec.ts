import { nodeCrypto, secretSpec } from '@koguma/auth';
import { SILENT } from '@koguma/core';
import type { Draft } from '@koguma/resources';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { DeltaDiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';
import { FROM_NOTHING, type Outbox } from './outbox.js';
import { deleteSecret, type End, end, LIST, namesIn, outboxOf, putSecret } from './two-ends.contract.js';

let global: End;
let outbox: Outbox;
beforeEach(async () => {
  global = await end();
  outbox = outboxOf(global);
});

describe('the outbox', () => {
  it('gives a new zone everything that there is, and nothing of what is gone', async () => {
    await putSecret(global, LIST, 'a');
    await putSecret(global, 'zone-ingress-token-revocations', 'b');
    await deleteSecret(global, LIST);
    expect(namesIn(outbox.response('GlobalSecret', FROM_NOTHING).bytes)).toEqual({
      sent: ['zone-ingress-token-revocations.'],
      removed: [],
    });
  });

  it('gives a zone that is behind only what changed since, and what went away', async () => {
    await putSecret(global, LIST, 'a');
    const from = outbox.latest('GlobalSecret');
    await putSecret(global, 'zone-ingress-token-revocations', 'b');
    await deleteSecret(global, LIST);
    expect(namesIn(outbox.response('GlobalSecret', from).bytes)).toEqual({
      sent: ['zone-ingress-token-revocations.'],
      removed: [`${LIST}.`],
    });
  });

  it('remembers what is gone for as long as somebody may not have been told, and no longer', async () => {
    let from = outbox.latest('GlobalSecret');
    outbox.follow({ changed: () => undefined, from: () => from });
    const early = from;
    const told = () => namesIn(outbox.response('GlobalSecret', early).bytes).removed;
    const comeAndGo = async (name: string) => {
      await putSecret(global, name, 'a', { 'kuma.io/kds-sync': 'enabled' });
      await deleteSecret(global, name);
    };
    for (const name of ['one', 'two']) await comeAndGo(name);
    expect(told()).toEqual(['one.', 'two.']);
    from = outbox.latest('GlobalSecret');
    await comeAndGo('three');
    expect(told()).toEqual(['three.']);
  });

  it('writes a change once: zones that start from the same revision get the same bytes', async () => {
    const from = outbox.latest('GlobalSecret');
    await putSecret(global, LIST, 'a');
    expect(outbox.response('GlobalSecret', from).bytes).toBe(outbox.response('GlobalSecret', from).bytes);
  });

  it('gives a zone that shows what it has what it lacks, and names what is gone', async () => {
    const mine = { 'kuma.io/kds-sync': 'enabled' };
    for (const name of ['same', 'changed', 'gone']) await putSecret(global, name, 'a', mine);
    const had = DeltaDiscoveryResponse.decode(outbox.response('GlobalSecret', FROM_NOTHING).bytes).resources;
    await putSecret(global, 'changed', 'b', mine);
    await deleteSecret(global, 'gone');
    await putSecret(global, LIST, 'c');
    const have = Object.fromEntries(had.map(({ name, version }) => [name, version]));
    const { bytes, to } = outbox.difference('GlobalSecret', { ...have, 'never.': 'x' });
    expect({ ...namesIn(bytes), to }).toEqual({
      sent: ['changed.', `${LIST}.`],
      removed: ['gone.', 'never.'],
      to: outbox.latest('GlobalSecret'),
    });
  });

  it('says nothing of a write that changes nothing for zones', async () => {
    await putSecret(global, LIST, 'a');
    const before = outbox.latest('GlobalSecret');
    const heard: unknown[] = [];
    outbox.follow({ changed: (types) => void heard.push(types), from: () => undefined });
    await putSecret(global, LIST, 'a');
    await putSecret(global, 'user-token-revocations', 'b');
    await putSecret(global, 'stays-at-home', 'c');
    expect({ heard, latest: outbox.latest('GlobalSecret') }).toEqual({ heard: [], latest: before });
  });

  it('sends of a zone token key the public half, under the public name, and takes it back with the key', async () => {
    const from = outbox.latest('GlobalSecret');
    const { pem, publicPem } = await nodeCrypto.makeKey();
    await putSecret(global, 'zone-token-signing-key-3', pem);
    const { bytes } = outbox.response('GlobalSecret', from);
    expect(namesIn(bytes).sent).toEqual(['zone-token-signing-public-key-3.']);
    expect(Buffer.from(bytes).includes(publicPem)).toBe(true);
    expect(Buffer.from(bytes).includes('PRIVATE')).toBe(false);
    const sent = outbox.latest('GlobalSecret');
    await deleteSecret(global, 'zone-token-signing-key-3');
    expect(namesIn(outbox.response('GlobalSecret', sent).bytes).removed).toEqual(['zone-token-signing-public-key-3.']);
  });

  it('leaves out a key that cannot be converted, names it, and sends the rest', async () => {
    await store({ 'zone-token-signing-key-9': 'no key', [LIST]: 'a' });
    expect(allThereIs()).toEqual([`${LIST}.`]);
    expect(outbox.trouble('GlobalSecret')).toMatch(
      /^GlobalSecret "zone-token-signing-key-9" cannot be sent: is not an RSA key/,
    );
    await deleteSecret(global, 'zone-token-signing-key-9');
    expect(outbox.trouble('GlobalSecret')).toBeUndefined();
  });

  it('obeys the labels that send or keep a secret', async () => {
    await putSecret(global, 'mine', 'a', { 'kuma.io/kds-sync': 'enabled' });
    await putSecret(global, LIST, 'b', { 'kuma.io/kds-sync': 'disabled' });
    await putSecret(global, 'user-token-revocations', 'c', { 'kuma.io/kds-sync': 'enabled' });
    expect(namesIn(outbox.response('GlobalSecret', FROM_NOTHING).bytes).sent).toEqual(['mine.']);
  });
});

describe('an outbox that holds more of a type than one message takes', () => {
  const LIMIT = 10_000;
  const [BIG, BIGGER, SMALL] = ['zone-token-revocations', 'zone-ingress-token-revocations', 'mine'];
  let errors: unknown[];
  beforeEach(() => {
    errors = [];
    outbox = outboxOf(global, LIMIT, { ...SILENT, error: (_, fields) => errors.push(fields?.resource) });
  });

  it('leaves out the biggest until the rest fits, and names what it leaves out', async () => {
    await store({ [BIG]: 'x'.repeat(6_000), [BIGGER]: 'x'.repeat(7_000), [SMALL]: 'x' });
    expect(allThereIs()).toEqual([`${SMALL}.`, `${BIG}.`]);
    expect(outbox.trouble('GlobalSecret')).toBe(
      `GlobalSecret "${BIGGER}" is not sent: ` +
        'all GlobalSecret resources together are larger than the 10000 bytes that can be sent of a type',
    );
    expect(outbox.trouble('Mesh')).toBeUndefined();
    await store({ 'another-small-one': 'x' });
    expect(errors).toEqual([`GlobalSecret "${BIGGER}"`]); // once
  });

  it('leaves out one that is larger than a message by itself', async () => {
    await store({ [BIG]: 'x'.repeat(LIMIT), [SMALL]: 'x' });
    expect(allThereIs()).toEqual([`${SMALL}.`]);
  });

  it('has the same for a zone that is there already as for one that comes: what does not fit any more is taken back', async () => {
    await store({ [BIG]: 'x'.repeat(6_000), [SMALL]: 'x' });
    const from = outbox.latest('GlobalSecret');
    await store({ [BIGGER]: 'x'.repeat(5_000) });
    expect(namesIn(outbox.response('GlobalSecret', from).bytes)).toEqual({
      sent: [`${BIGGER}.`],
      removed: [`${BIG}.`],
    });
    expect(allThereIs()).toEqual([`${SMALL}.`, `${BIGGER}.`]);
  });

  it('sends what it left out as soon as there is room', async () => {
    await store({ [BIG]: 'x'.repeat(6_000), [BIGGER]: 'x'.repeat(7_000) });
    const from = outbox.latest('GlobalSecret');
    await deleteSecret(global, BIG);
    expect(namesIn(outbox.response('GlobalSecret', from).bytes)).toEqual({
      sent: [`${BIGGER}.`],
      removed: [`${BIG}.`],
    });
    expect(outbox.trouble('GlobalSecret')).toBeUndefined();
  });

  it('never writes a first response beyond the limit, and leaves out nothing without need', async () => {
    const sizes = fc.array(fc.integer({ min: 0, max: LIMIT }), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(sizes, async (texts) => {
        global = await end();
        outbox = outboxOf(global, LIMIT);
        await store(Object.fromEntries(texts.map((size, index) => [`secret-${index}`, 'x'.repeat(size)])));
        const { bytes } = outbox.response('GlobalSecret', FROM_NOTHING);
        expect(bytes.length).toBeLessThanOrEqual(LIMIT);
        const generous = texts.reduce((sum, size) => sum + size + 400, 600);
        if (generous <= LIMIT) expect(namesIn(bytes).sent).toHaveLength(texts.length);
      }),
      { numRuns: 50 },
    );
  });
});

const allThereIs = () => namesIn(outbox.response('GlobalSecret', FROM_NOTHING).bytes).sent;

/** Puts GlobalSecrets past the rules for people, as an older store would have them. */
async function store(texts: Readonly<Record<string, string>>): Promise<void> {
  const times = { creationTime: 0, modificationTime: 0 };
  const labels = { 'kuma.io/kds-sync': 'enabled' };
  await global.manager.system(async (tx) => {
    for (const [name, text] of Object.entries(texts)) {
      const draft: Draft = { type: 'GlobalSecret', mesh: '', name, spec: secretSpec(text), labels, ...times };
      await tx.create(draft);
    }
  });
}
