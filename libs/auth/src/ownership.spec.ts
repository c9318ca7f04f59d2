import type { ResourceKey, ResourceType } from '@koguma/resources';
import { describe, expect, it } from 'vitest';
import { controlPlane, globalSecret, keyName, listName } from './control-plane.contract.js';
import { KEY } from './keys.contract.js';
import { readOnlyReason } from './ownership.js';
import { knownSecretNames, secretRole } from './secrets.js';

const GLOBAL = { federated: false, readOnly: false };
const ZONE = { federated: true, readOnly: false };
const of = (type: ResourceType, name = 'x', mesh = ''): ResourceKey => ({ type, mesh, name });
const SYNCED = /^(Secret|GlobalSecret|Mesh) ".+" is owned by the global control plane: write it there/;

describe('people', () => {
  it.each([of('Mesh'), of('Zone'), globalSecret('x'), of('Secret', 'x', 'default'), ...knownSecretNames('default')])(
    'write $type $name on global and on a zone that stands alone',
    (key) => {
      expect(readOnlyReason(key, GLOBAL)).toBeUndefined();
    },
  );

  it.each([of('Config'), of('ZoneInsight')])('write no $type anywhere', (key) => {
    const reason = `${key.type} resources are written by the control plane itself`;
    expect([readOnlyReason(key, GLOBAL), readOnlyReason(key, ZONE)]).toEqual([reason, reason]);
  });

  it.each([
    'user-token-signing-key-1',
    'user-token-signing-key-12',
    'user-token-revocations',
    'admin-user-token',
    'envoy-admin-ca',
    'inter-cp-ca',
  ])('write GlobalSecret %s on a zone with a global, since it never comes from there', (name) => {
    expect(readOnlyReason(globalSecret(name), ZONE)).toBeUndefined();
  });

  it.each([
    of('Mesh', 'default'),
    of('Secret', 'mtls-ca', 'default'),
    of('Secret', 'user-token-signing-key-1', 'default'),
    of('Secret', 'admin-user-token', 'default'),
    of('Secret', 'dataplane-token-signing-key-default-1', 'default'),
    of('Secret', 'dataplane-token-revocations-default', 'default'),
    globalSecret('anything'),
    globalSecret('zone-token-signing-key-1'),
    globalSecret('zone-token-signing-public-key-1'),
    globalSecret('zone-token-revocations'),
    globalSecret('zone-ingress-token-signing-key-1'),
    globalSecret('zone-ingress-token-revocations'),
    globalSecret('dataplane-token-revocations-default'),
  ])('do not write $type $name on a zone with a global, and are told where', (key) => {
    expect(readOnlyReason(key, ZONE)).toMatch(SYNCED);
  });

  it('write their own Zone on a zone', () => {
    expect(readOnlyReason(of('Zone', 'east'), ZONE)).toBeUndefined();
  });

  it('write nothing through a read-only API server, which says by which setting', () => {
    for (const federated of [true, false]) {
      for (const key of [of('Mesh'), of('Zone'), ...knownSecretNames('default')]) {
        expect(readOnlyReason(key, { federated, readOnly: true })).toContain('KUMA_API_SERVER_READ_ONLY');
      }
    }
  });

  it('can write on a zone exactly the known secrets of users and of that zone alone', () => {
    const writable = knownSecretNames('default').filter((key) => readOnlyReason(key, ZONE) === undefined);
    expect(writable.map((key) => secretRole(key).role).sort()).toEqual([
      'local',
      'local',
      'local',
      'revocations',
      'signing-key',
    ]);
  });

  it('copy the key of users from global to a zone by hand, as the documents say', async () => {
    const zone = await controlPlane({ federated: true, guarded: true });
    await zone.start();
    await zone.put(keyName('user', 1), KEY.pem);
    await zone.put(listName('user'), '');
    await expect(zone.put(keyName('zone', 1), KEY.pem)).rejects.toMatchObject({
      code: 'read_only',
      message: SYNCED_TEXT,
    });
    expect(zone.textOf(keyName('user'))).toBe(KEY.pem);
    await zone.manager.delete(keyName('user'));
    expect(zone.secrets()).toEqual(['/user-token-revocations']);
  });
});

const SYNCED_TEXT = expect.stringMatching(SYNCED);
