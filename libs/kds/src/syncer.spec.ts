import { nodeCrypto, type Secret, secretSpec, secretText } from '@koguma/auth';
import { SILENT } from '@koguma/core';
import { LABEL } from '@koguma/resources';
import { beforeEach, describe, expect, it } from 'vitest';
import { DeltaDiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';
import { mirrorOfGlobal } from './sync-policy.js';
import { Syncer } from './syncer.js';
import { checksOf, type End, end, LIST, putSecret } from './two-ends.contract.js';
import { encodeResource } from './wire.js';

let zone: End;
let syncer: Syncer;
beforeEach(async () => {
  zone = await end();
  syncer = new Syncer({
    manager: zone.manager,
    clock: zone.clock,
    log: SILENT,
    checks: checksOf(zone),
    mirror: mirrorOfGlobal,
  });
});

describe('applying what global sends', () => {
  it('creates, changes and removes', async () => {
    await apply([secret(LIST, 'a'), secret('mine', 'b')]);
    await apply([secret(LIST, 'c')], { removed: ['mine.'] });
    expect(contents()).toEqual({ [LIST]: 'c' });
  });

  it('takes a first response for all there is', async () => {
    await apply([secret(LIST, 'a'), secret('mine', 'b')]);
    await apply([secret('mine', 'b')], { replace: true });
    expect(contents()).toEqual({ mine: 'b' });
  });

  it('never touches what this zone made itself', async () => {
    await putSecret(zone, 'user-token-revocations', 'own');
    await apply([], { replace: true });
    await apply([], { removed: ['user-token-revocations.'] });
    expect(contents()).toEqual({ 'user-token-revocations': 'own' });
  });

  it('makes no revision when nothing is new', async () => {
    await apply([secret(LIST, 'a')], { replace: true });
    const before = zone.view.revision.n;
    await apply([secret(LIST, 'a')], { replace: true });
    expect(zone.view.revision.n).toBe(before);
  });

  it('keeps the old value of what it refuses, names it, and takes the rest', async () => {
    const { pem } = await nodeCrypto.makeKey();
    await apply([secret('zone-ingress-token-signing-key-1', pem), secret(LIST, 'a')]);
    const refused = await apply([secret('zone-ingress-token-signing-key-1', 'not a key'), secret(LIST, 'b')], {
      replace: true,
    });
    expect(refused).toEqual([
      { name: 'GlobalSecret "zone-ingress-token-signing-key-1"', reason: expect.stringContaining('is not an RSA key') },
    ]);
    expect(contents()).toEqual({ [LIST]: 'b', 'zone-ingress-token-signing-key-1': pem });
  });

  it('keeps the old value of what it cannot read', async () => {
    await apply([secret(LIST, 'a')]);
    const garbled = {
      ...secret(LIST, 'b'),
      resource: { typeUrl: 'type.googleapis.com/kuma.mesh.v1alpha1.KumaResource', value: Buffer.from('ff', 'hex') },
    };
    expect(await apply([garbled], { replace: true })).toEqual([
      { name: `"${LIST}."`, reason: 'its bytes cannot be read' },
    ]);
    expect(contents()).toEqual({ [LIST]: 'a' });
  });

  it('tells each refusal once, also when the store has to run the transaction again', async () => {
    await putSecret(zone, 'mine', 'own');
    const { transaction } = zone.store;
    zone.store.transaction = async (work) => {
      await transaction.call(zone.store, work);
      return transaction.call(zone.store, work) as ReturnType<typeof transaction<Awaited<ReturnType<typeof work>>>>;
    };
    expect(await apply([secret('mine', 'global’s')])).toHaveLength(1);
  });

  it('refuses the place of a resource that this zone made itself', async () => {
    await putSecret(zone, 'mine', 'own');
    const refused = await apply([secret('mine', 'global’s')]);
    expect(refused).toEqual([
      { name: 'GlobalSecret "mine"', reason: expect.stringContaining('there is another of that name here') },
    ]);
    expect(contents()).toEqual({ mine: 'own' });
  });

  it('takes the place of what this zone made itself when it joins a global, but for its users’ own and what nobody knows', async () => {
    await putSecret(zone, LIST, 'own');
    await putSecret(zone, 'zone-ingress-token-revocations', 'own');
    await putSecret(zone, 'user-token-revocations', 'own');
    await putSecret(zone, 'mine', 'own');
    expect(await apply([secret(LIST, 'global’s')], { replace: true, takeOver: true })).toEqual([]);
    expect(contents()).toEqual({ [LIST]: 'global’s', 'user-token-revocations': 'own', mine: 'own' });
  });

  it.each(['user-token-signing-key-1', 'user-token-revocations', 'admin-user-token'])(
    'refuses %s, which must not cross',
    async (name) => {
      expect(await apply([secret(name, 'x')])).toEqual([
        { name: `GlobalSecret "${name}"`, reason: expect.stringContaining('must not cross') },
      ]);
      expect(contents()).toEqual({});
    },
  );
});

function secret(name: string, text: string) {
  return encodeResource({
    key: { type: 'GlobalSecret', mesh: '', name },
    spec: secretSpec(text),
    labels: { [LABEL.origin]: 'global' },
  });
}

function apply(
  resources: ReturnType<typeof secret>[],
  {
    removed = [],
    replace = false,
    takeOver = false,
  }: { removed?: string[]; replace?: boolean; takeOver?: boolean } = {},
) {
  const response = DeltaDiscoveryResponse.fromPartial({
    typeUrl: 'GlobalSecret',
    nonce: '1',
    resources,
    removedResources: removed,
  });
  return syncer.apply('GlobalSecret', response, { replace, takeOver });
}

function contents(): Record<string, string> {
  return Object.fromEntries(
    zone.view.list('GlobalSecret').map((found) => [found.name, secretText((found as Secret).spec)]),
  );
}
