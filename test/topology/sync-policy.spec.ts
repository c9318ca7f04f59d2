import { knownSecretNames } from '@koguma/auth';
import { passageOf } from '@koguma/kds';
import { startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const MESH = 'default';
const KEPT = { 'kuma.io/kds-sync': 'disabled' };
const SENT = { 'kuma.io/kds-sync': 'enabled' };

/** Every secret that the system knows, and how it leaves global. A name that is not here must be decided first. */
const POLICY: Readonly<Record<string, ReturnType<typeof passageOf>>> = {
  'GlobalSecret/admin-user-token': 'never',
  'GlobalSecret/envoy-admin-ca': 'never',
  'GlobalSecret/inter-cp-ca': 'never',
  'GlobalSecret/user-token-signing-key-1': 'never',
  'GlobalSecret/user-token-revocations': 'never',
  'GlobalSecret/zone-token-signing-key-1': 'public-half',
  'GlobalSecret/zone-token-signing-public-key-1': 'never',
  'GlobalSecret/zone-token-revocations': 'as-is',
  'GlobalSecret/zone-ingress-token-signing-key-1': 'as-is',
  'GlobalSecret/zone-ingress-token-revocations': 'as-is',
  'Secret/dataplane-token-signing-key-default-1': 'as-is',
  'Secret/dataplane-token-revocations-default': 'as-is',
  'GlobalSecret/dataplane-token-revocations-default': 'as-is',
};
const known = knownSecretNames(MESH).map((key) => [`${key.type}/${key.name}`, key] as const);

describe('the sync policy', () => {
  it.each(known)('has a row for %s', (name, key) => {
    expect(POLICY).toHaveProperty([name]);
    expect(passageOf(key)).toBe(POLICY[name]);
  });

  it('has no row for a name that the system does not know', () => {
    expect(known.map(([name]) => name).sort()).toEqual(Object.keys(POLICY).sort());
  });

  it.each(['Zone', 'ZoneInsight'] as const)('sends no %s', (type) => {
    expect(passageOf({ type, mesh: '', name: 'east' })).toBe('never');
  });
});

describe('what crosses to a zone', () => {
  let lab: WiredLab;
  beforeAll(async () => {
    lab = await startWiredLab({ zones: ['east'] });
  });
  afterAll(() => lab.stop());
  /** What is put on global reaches the zone, or has had the time to: a secret that crosses, put after it, is there. */
  let count = 0;
  const settled = async () => {
    const canary = `canary-${++count}`;
    await lab.global.putSecret(canary, 'x', { mesh: MESH });
    await lab.synced();
    expect(await lab.zone('east').secretNames(MESH)).toContain(canary);
  };
  beforeEach(() => lab.synced());

  it('are secrets of a mesh, whatever they are called', async () => {
    await lab.global.putSecret('database-password', 'hunter2', { mesh: MESH });
    await lab.global.putSecret('user-token-signing-key-1', 'only looks like one', { mesh: MESH });
    await lab.synced();
    expect(await lab.zone('east').secretText('database-password', MESH)).toBe('hunter2');
    expect(await lab.zone('east').secretText('user-token-signing-key-1', MESH)).toBe('only looks like one');
  });

  it('are not secrets of a mesh that are labelled to stay, and they go when the label comes later', async () => {
    await lab.global.putSecret('stays', 'here', { mesh: MESH, labels: KEPT });
    await lab.global.putSecret('comes-back', 'soon', { mesh: MESH });
    await settled();
    expect(await lab.zone('east').secretNames(MESH)).toContain('comes-back');
    await lab.global.putSecret('comes-back', 'soon', { mesh: MESH, labels: KEPT });
    await settled();
    expect(await lab.zone('east').secretNames(MESH)).not.toContain('stays');
    expect(await lab.zone('east').secretNames(MESH)).not.toContain('comes-back');
  });

  it('are not GlobalSecrets that the system does not know, and who writes one is told', async () => {
    const { body } = await lab.global.putSecret('licence', 'secret');
    expect(body.warnings).toEqual([
      'this GlobalSecret stays on the global control plane: label it kuma.io/kds-sync: enabled to send it to zones',
    ]);
    await settled();
    expect(await lab.zone('east').secretNames()).not.toContain('licence');
  });

  it('are GlobalSecrets that are labelled for it, until the label is gone', async () => {
    const { body } = await lab.global.putSecret('shared', 'secret', { labels: SENT });
    expect(body.warnings).toBeUndefined();
    await lab.synced();
    expect(await lab.zone('east').secretText('shared')).toBe('secret');
    await lab.global.putSecret('shared', 'secret');
    await settled();
    expect(await lab.zone('east').secretNames()).not.toContain('shared');
  });

  it('is nothing that the label holds back: not a signing key, not a revocation list', async () => {
    const names = ['zone-ingress-token-signing-key-2', 'zone-ingress-token-revocations', 'zone-token-signing-key-2'];
    for (const name of names) {
      const text = name.endsWith('revocations') ? '' : await lab.makeKey();
      await lab.global.putSecret(name, text, { labels: KEPT });
    }
    await settled();
    expect(await lab.zone('east').secretNames()).toEqual(expect.not.arrayContaining(names));
    expect(await lab.zone('east').secretNames()).not.toContain('zone-token-signing-public-key-2');
    for (const name of names) await lab.global.deleteSecret(name);
  });

  it('is nothing of users and administrators, whatever the label', async () => {
    const own = ['user-token-signing-key-5', 'user-token-revocations', 'envoy-admin-ca', 'inter-cp-ca'];
    for (const name of own) {
      const text = name.startsWith('user-token-signing-key') ? await lab.makeKey() : '';
      await lab.global.putSecret(name, text, { labels: SENT });
    }
    await lab.until(async () => (await lab.global.secretNames()).includes('admin-user-token'), 'there is a token');
    const admin = await lab.zone('east').secretText('admin-user-token');
    await lab.global.putSecret('admin-user-token', 'of global', { labels: SENT });
    await settled();
    for (const name of own) expect(await lab.zone('east').secretNames()).not.toContain(name);
    expect(await lab.zone('east').secretText('admin-user-token')).toBe(admin);
  });

  it('is the public half of a zone key that global has, whatever else is put on global under its name', async () => {
    const token = await lab.global.issue('zone', { zone: 'east', scope: ['ingress'] });
    const NAME = 'zone-token-signing-public-key-1';
    const before = await lab.zone('east').secretText(NAME);
    await lab.global.putSecret(NAME, await lab.makeKey());
    await settled();
    expect(await lab.zone('east').secretText(NAME)).toBe(before);
    await lab.global.deleteSecret(NAME);
    await settled();
    expect(await lab.zone('east').verify(token, 'zone')).toMatchObject({ accepted: true });
  });

  it('arrives as it was written, marked as coming from global', async () => {
    const spec = {
      mtls: { enabledBackend: 'ca-1', backends: [{ name: 'ca-1', type: 'builtin' }] },
      routing: { zoneEgress: true },
    };
    await lab.global.call('PUT', '/meshes/rich', { type: 'Mesh', name: 'rich', labels: { team: 'a' }, ...spec });
    await lab.synced();
    const { body } = await lab.zone('east').get('/meshes/rich');
    expect(body).toMatchObject({ ...spec, labels: { team: 'a', 'kuma.io/origin': 'global' } });
  });
});
