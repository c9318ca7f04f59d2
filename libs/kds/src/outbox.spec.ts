import { joseCrypto, secretSpec } from '@koguma/auth';
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
    outbox.onChange((types) => heard.push(types));
    await putSecret(global, LIST, 'a');
    await putSecret(global, 'user-token-revocations', 'b');
    await putSecret(global, 'stays-at-home', 'c');
    expect({ heard, latest: outbox.latest('GlobalSecret') }).toEqual({ heard: [], latest: before });
  });

  it('sends of a zone token key the public half, under the public name, and takes it back with the key', async () => {
    const from = outbox.latest('GlobalSecret');
    const { pem, publicPem } = await joseCrypto.makeKey();
    await putSecret(global, 'zone-token-signing-key-3', pem);
    const { bytes } = outbox.response('GlobalSecret', from);
    expect(namesIn(bytes).sent).toEqual(['zone-token-signing-public-key-3.']);
    expect(Buffer.from(bytes).includes(publicPem)).toBe(true);
    expect(Buffer.from(bytes).includes('PRIVATE')).toBe(false);
    const sent = outbox.latest('GlobalSecret');
    await deleteSecret(global, 'zone-token-signing-key-3');
    expect(namesIn(outbox.response('GlobalSecret', sent).bytes).removed).toEqual(['zone-token-signing-public-key-3.']);
  });

  it('leaves out a key that cannot be converted, and sends the rest', async () => {
    await global.manager.system(async (tx) => {
      const times = { labels: {}, creationTime: 0, modificationTime: 0 };
      await tx.create({
        type: 'GlobalSecret',
        mesh: '',
        name: 'zone-token-signing-key-9',
        spec: secretSpec('no key'),
        ...times,
      });
      await tx.create({ type: 'GlobalSecret', mesh: '', name: LIST, spec: secretSpec('a'), ...times });
    });
    expect(namesIn(outbox.response('GlobalSecret', FROM_NOTHING).bytes).sent).toEqual([`${LIST}.`]);
  });

  it('obeys the labels that send or keep a secret', async () => {
    await putSecret(global, 'mine', 'a', { 'kuma.io/kds-sync': 'enabled' });
    await putSecret(global, LIST, 'b', { 'kuma.io/kds-sync': 'disabled' });
    await putSecret(global, 'user-token-revocations', 'c', { 'kuma.io/kds-sync': 'enabled' });
    expect(namesIn(outbox.response('GlobalSecret', FROM_NOTHING).bytes).sent).toEqual(['mine.']);
  });
});
