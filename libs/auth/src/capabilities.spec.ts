import { rfc3339 } from '@koguma/core';
import { LABEL } from '@koguma/resources';
import { describe, expect, test } from 'vitest';
import type { Capability } from './capabilities.js';
import { type ControlPlane, controlPlane, globalSecret, keyName, NOW } from './control-plane.contract.js';
import { KEY, OTHER_KEY } from './keys.contract.js';
import { readOnlyReason } from './ownership.js';

type Role = 'global' | 'federated-zone' | 'stand-alone-zone';

const capabilities = (cp: ControlPlane, role: Role) =>
  cp.auth.capabilities({
    mode: role === 'global' ? 'global' : 'zone',
    readOnlyReason: (key) => readOnlyReason(key, role, false),
  });
const of = (all: readonly Capability[], kind: string, mesh?: string) =>
  all.find((one) => one.kind === kind && one.mesh === mesh) as Capability;

/** A zone that has what global sends: private dataplane and zone-ingress keys, the public half of the zone key. */
async function federatedZone(): Promise<ControlPlane> {
  const zone = await controlPlane({ federated: true });
  await zone.start();
  await zone.manager.system((tx) =>
    tx.create({
      ...{ type: 'Mesh', mesh: '', name: 'default', spec: {}, labels: {} },
      ...{ creationTime: NOW, modificationTime: NOW },
    }),
  );
  await zone.arrive(keyName('dataplane'), KEY.pem);
  await zone.arrive(keyName('zone-ingress'), KEY.pem);
  await zone.arrive(globalSecret('zone-token-signing-public-key-1'), OTHER_KEY.publicPem);
  return zone;
}

describe('what a control plane can do with tokens', () => {
  test('is told for every kind, and for every mesh of those whose keys live there', async () => {
    const cp = await controlPlane();
    await cp.start();
    const kinds = () =>
      capabilities(cp, 'global').map(({ kind, mesh }) => (mesh === undefined ? kind : `${kind} ${mesh}`));
    expect(kinds()).toEqual(['zone-ingress', 'zone', 'user']);
    await cp.createMesh('default');
    await cp.createMesh('orders');
    expect(kinds()).toEqual(['dataplane default', 'dataplane orders', 'zone-ingress', 'zone', 'user']);
  });

  test('is everything on global; zones issue what they have the private keys of, too', async () => {
    const cp = await controlPlane();
    await cp.start();
    const all = capabilities(cp, 'global');
    expect(
      all.map(({ issue, verify, revoke, rotate }) => [issue, verify, revoke, rotate].map((one) => one.possible)),
    ).toEqual(all.map(() => [true, true, true, true]));
    expect(all.map(({ kind, issue, revoke }) => [kind, issue.elsewhere, revoke.elsewhere])).toEqual([
      ['zone-ingress', ['zones'], []],
      ['zone', [], []],
      ['user', [], []],
    ]);
    const [key] = of(all, 'zone').verify.keys;
    expect(of(all, 'zone').issue).toEqual({
      possible: true,
      right: 'generateZoneToken',
      signer: { ...key, since: rfc3339(NOW) },
      elsewhere: [],
    });
    expect(of(all, 'zone').revoke.list).toEqual({ type: 'GlobalSecret', name: 'zone-token-revocations' });
  });

  test('is in a zone with a global what its keys allow, and says where to go with the rest', async () => {
    const all = capabilities(await federatedZone(), 'federated-zone');
    const told = ({ kind, issue, verify, revoke, rotate }: Capability) => [
      kind,
      [issue.possible, verify.possible, revoke.possible, rotate.possible],
      [issue.elsewhere, revoke.elsewhere],
    ];
    expect(all.map(told)).toEqual([
      ['dataplane', [true, true, false, false], [['global', 'zones'], ['global']]],
      ['zone-ingress', [true, true, false, false], [['global', 'zones'], ['global']]],
      ['zone', [false, true, false, false], [['global'], ['global']]],
      ['user', [true, true, true, true], [[], []]],
    ]);
    expect(of(all, 'zone').issue.reason).toContain('zone tokens are issued on the global control plane');
    expect(of(all, 'zone').verify.keys).toEqual([
      { kid: '1', thumbprint: OTHER_KEY.thumbprint, foundIn: 'GlobalSecret "zone-token-signing-public-key-1"' },
    ]);
    expect(of(all, 'dataplane', 'default').revoke.reason).toContain('owned by the global control plane');
  });

  test('has nowhere else to go in a zone that stands alone', async () => {
    const cp = await controlPlane();
    await cp.start();
    for (const { issue, revoke, rotate } of capabilities(cp, 'stand-alone-zone')) {
      expect([issue.elsewhere, revoke.elsewhere, rotate.elsewhere]).toEqual([[], [], []]);
    }
  });

  test('follows the keys: the highest that is not prepared signs, all of them verify', async () => {
    const cp = await controlPlane();
    await cp.start();
    await cp.put(keyName('zone', 2), OTHER_KEY.pem);
    await cp.put(keyName('zone', 3), OTHER_KEY.pem, { [LABEL.phase]: 'prepared' });
    const zone = () => of(capabilities(cp, 'global'), 'zone');
    expect(zone().issue.signer?.kid).toBe('2');
    expect(zone().verify.keys.map(({ kid }) => kid)).toEqual(['1', '2', '3']);
    for (const serial of [1, 2]) await cp.manager.delete(keyName('zone', serial));
    expect(zone().issue).toMatchObject({ possible: false, reason: expect.stringContaining('is prepared') });
  });

  test('follows the switches: no issuing, and only the keys that the configuration lists', async () => {
    const staticKeys = [
      { kid: 'ci', kind: 'user', mesh: undefined, key: OTHER_KEY, foundIn: 'configuration' },
    ] as const;
    const cp = await controlPlane({ closed: true, staticKeys });
    await cp.start();
    const all = capabilities(cp, 'global');
    const detail = 'issuing tokens using the control plane is disabled.';
    expect(all.map(({ issue }) => [issue.possible, issue.reason])).toEqual(all.map(() => [false, detail]));
    expect(of(all, 'user').verify).toEqual({
      possible: true,
      keys: [{ kid: 'ci', thumbprint: OTHER_KEY.thumbprint, foundIn: 'configuration' }],
    });
    expect(of(all, 'zone').verify).toEqual({ possible: false, keys: [] });
  });

  test('says of each kind what asking for a token says', async () => {
    const zone = await federatedZone();
    for (const { kind, issue } of capabilities(zone, 'federated-zone')) {
      const answer = await zone.issue(kind).then(
        () => undefined,
        (error: Error) => error.message,
      );
      expect([kind, issue.reason]).toEqual([kind, answer]);
    }
  });

  test('shows no key', async () => {
    const cp = await controlPlane();
    await cp.start();
    const text = JSON.stringify(capabilities(cp, 'global'));
    for (const { pem } of [KEY, OTHER_KEY]) expect(text).not.toContain(pem.split('\n')[1]);
    expect(text).not.toMatch(/PRIVATE|eyJ/);
  });
});
