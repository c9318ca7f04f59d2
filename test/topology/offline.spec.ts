import { join } from 'node:path';
import { type TokenKindName } from '@koguma/auth';
import { loadConfig, SILENT, systemEntropy } from '@koguma/core';
import { openStore } from '@koguma/resources';
import { type ControlPlaneClient, decodeToken, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { OFFLINE_KINDS, type OfflineKind, OpensslKeys, REQUESTS, type Switches, switchesYaml } from './offline-keys.js';

/** Where what is about each kind is in the store. */
const HOME = { user: {}, dataplane: { mesh: 'default' }, zone: {} };
const SIGNING_KEY = {
  user: 'user-token-signing-key-1',
  dataplane: 'dataplane-token-signing-key-default-1',
  zone: 'zone-token-signing-key-1',
};
const REVOCATIONS = {
  user: 'user-token-revocations',
  dataplane: 'dataplane-token-revocations-default',
  zone: 'zone-token-revocations',
};

let keys: OpensslKeys;
beforeAll(() => {
  keys = new OpensslKeys();
});
afterAll(() => keys.remove());

let lab: WiredLab;
afterEach(() => lab.stop());

const sign = (kind: OfflineKind, by: Parameters<OpensslKeys['sign']>[2] = {}) => keys.sign(lab.clock, kind, by);
const configure = async (name: 'global' | 'east', switches: Partial<Record<OfflineKind, Switches>>) => {
  lab.configure(name, {}, switchesYaml(switches));
  await (name === 'global' ? lab.global : lab.zone(name)).restart();
};
const verdict = async (node: ControlPlaneClient, token: string, kind: TokenKindName) => {
  const { accepted, reason } = await node.verify(token, kind, kind === 'dataplane' ? 'default' : undefined);
  return accepted ? 'accepted' : reason;
};
const meshOf = (kind: OfflineKind) => (kind === 'dataplane' ? 'default' : undefined);
const holdsKey = async (kind: OfflineKind) => (await lab.global.secretNames(meshOf(kind))).includes(SIGNING_KEY[kind]);

const ON_OFF = [true, false];
const MATRIX = OFFLINE_KINDS.flatMap((kind) =>
  ON_OFF.flatMap((enableIssuer) =>
    ON_OFF.flatMap((useSecrets) => ON_OFF.map((listed) => ({ kind, enableIssuer, useSecrets, listed }))),
  ),
);

describe('a control plane', () => {
  it.each(MATRIX)(
    'for $kind tokens with enableIssuer $enableIssuer, useSecrets $useSecrets and a public key $listed issues and checks as it is told',
    async ({ kind, enableIssuer, useSecrets, listed }) => {
      lab = await startWiredLab({ zones: [] });
      const online = await lab.global.issue(kind, REQUESTS[kind]);
      const offline = await sign(kind);
      await configure('global', {
        [kind]: { enableIssuer, useSecrets, publicKeys: listed ? [keys.publicKey(kind)] : [] },
      });

      const asked = await lab.global.call('POST', `/tokens/${kind}`, REQUESTS[kind]);
      const off = { title: 'Could not issue a token', detail: 'issuing tokens using the control plane is disabled.' };
      if (enableIssuer) expect(decodeToken(asked.text)).toMatchObject({ kid: '1' });
      else expect(asked).toMatchObject({ status: 400, body: off });
      expect(await verdict(lab.global, online, kind)).toBe(useSecrets ? 'accepted' : 'unknown_kid');
      expect(await verdict(lab.global, offline, kind)).toBe(listed ? 'accepted' : 'unknown_kid');

      await lab.global.putSecret(REVOCATIONS[kind], decodeToken(offline).jti, HOME[kind]);
      expect(await verdict(lab.global, offline, kind)).toBe(listed ? 'revoked' : 'unknown_kid');
      expect(await verdict(lab.global, online, kind)).toBe(useSecrets ? 'accepted' : 'unknown_kid');

      await lab.global.stop();
      lab.wipe('global');
      await lab.global.start();
      expect(await holdsKey(kind)).toBe(enableIssuer || useSecrets);
      for (const other of OFFLINE_KINDS.filter((one) => one !== kind)) {
        expect(await holdsKey(other)).toBe(true);
        expect(await verdict(lab.global, await lab.global.issue(other, REQUESTS[other]), other)).toBe('accepted');
      }
    },
  );

  it('that has public keys alone holds no private key at all, and knows its users', async () => {
    lab = await startWiredLab({ zones: [] });
    const off = (kind: OfflineKind) => ({ enableIssuer: false, useSecrets: false, publicKeys: [keys.publicKey(kind)] });
    lab.configure('global', {}, switchesYaml({ user: off('user'), dataplane: off('dataplane'), zone: off('zone') }));
    await lab.global.stop();
    lab.wipe('global');
    await lab.global.start();
    const { text } = await lab.global.get('/global-secrets');
    expect([JSON.parse(text).total, (await lab.global.secretNames('default')).length]).toEqual([0, 0]);
    expect((await lab.global.get('/who-am-i', { token: await sign('user') })).body).toEqual({
      name: 'ci',
      groups: ['users', 'mesh-system:authenticated'],
    });
  });

  it.each(['spki', 'pkcs1'])(
    'takes public keys of openssl in the form %s, from the configuration and from a file',
    async (form) => {
      lab = await startWiredLab({ zones: [] });
      const key = keys.text(`user.${form}.pem`);
      const publicKeys = [{ kid: 'inline', key }, keys.publicKey('user', 'file', `user.${form}.pem`)];
      await configure('global', { user: { publicKeys } });
      for (const kid of ['inline', 'file'])
        expect(await verdict(lab.global, await sign('user', { kid }), 'user')).toBe('accepted');
    },
  );

  it('takes tokens of any system that signs RS256: here openssl alone', async () => {
    lab = await startWiredLab({ zones: [] });
    await configure('global', {
      user: { enableIssuer: false, useSecrets: false, publicKeys: [keys.publicKey('user')] },
    });
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const exp = Math.floor(lab.clock.wall() / 1_000) + 60;
    const signed = `${part({ alg: 'RS256', kid: 'key-1' })}.${part({ Name: 'jane', Groups: ['team-b'], exp })}`;
    const token = `${signed}.${keys.signature(signed, 'user')}`;
    expect((await lab.global.get('/who-am-i', { token })).body).toMatchObject({
      name: 'jane',
      groups: ['team-b', 'mesh-system:authenticated'],
    });
  });

  it('tries a public key and a secret with one kid both, and neither hides the other', async () => {
    lab = await startWiredLab({ zones: [] });
    const online = await lab.global.issue('user', REQUESTS.user);
    const offline = await sign('user', { kid: '1' });
    const verdicts = async () => [
      await verdict(lab.global, online, 'user'),
      await verdict(lab.global, offline, 'user'),
    ];
    expect(await verdicts()).toEqual(['accepted', 'bad_signature']);
    await configure('global', { user: { publicKeys: [keys.publicKey('user', '1')] } });
    expect(await verdicts()).toEqual(['accepted', 'accepted']);
    await lab.global.deleteSecret('user-token-signing-key-1');
    expect(await verdicts()).toEqual(['bad_signature', 'accepted']);
  });

  it('says of a token which of its public keys was used', async () => {
    lab = await startWiredLab({ zones: [] });
    await configure('global', { user: { publicKeys: [keys.publicKey('user', 'other'), keys.publicKey('user')] } });
    const { steps } = await lab.global.verify(await sign('user'), 'user');
    const key = steps.find(({ step }) => step === 'key')?.detail;
    expect(key).toMatch(/^apiServer\.authn\.tokens\.validator\.publicKeys\[1\], thumbprint /);
  });

  it('rotates public keys as the documents say: the old and the new one, then the new one alone', async () => {
    lab = await startWiredLab({ zones: [] });
    const [old, next] = [keys.publicKey('user'), keys.publicKey('user', 'key-2', 'next.spki.pem')];
    const switches = { enableIssuer: false, useSecrets: false };
    const [first, second] = [await sign('user'), await sign('user', { kid: 'key-2', key: 'next' })];
    const statuses = async () =>
      Promise.all([first, second].map(async (token) => (await lab.global.get('/who-am-i', { token })).status));
    await configure('global', { user: { ...switches, publicKeys: [old] } });
    expect(await statuses()).toEqual([200, 401]);
    await configure('global', { user: { ...switches, publicKeys: [old, next] } });
    expect(await statuses()).toEqual([200, 200]);
    await configure('global', { user: { ...switches, publicKeys: [next] } });
    expect(await statuses()).toEqual([401, 200]);
  });
});

describe('a control plane with a public key that is wrong', () => {
  it('does not start, says why, and leaves its store to the next start', async () => {
    const env = { KOGUMA_STORE_SQLITE_PATH: join(keys.path('.'), 'wrong.db') };
    const store = () => openStore(loadConfig({ role: 'global', env }).config, { entropy: systemEntropy, log: SILENT });
    lab = await startWiredLab({ zones: [], openStore: store });
    const wrong = { user: { publicKeys: [keys.publicKey('user', 'key-1', 'user.pem')] } };
    await expect(configure('global', wrong)).rejects.toMatchObject({
      code: 'invalid',
      violations: [
        {
          field: 'apiServer.authn.tokens.validator.publicKeys[0].keyFile',
          reason: expect.stringContaining('is a private key'),
        },
      ],
    });
    await configure('global', { user: { publicKeys: [keys.publicKey('user')] } });
    expect(await verdict(lab.global, await sign('user'), 'user')).toBe('accepted');
  });
});

describe('a zone with a global', () => {
  it('checks tokens for dataplanes and zones with public keys of its own, in the mesh that each is for', async () => {
    lab = await startWiredLab({ zones: ['east', 'west'] });
    await lab.global.createMesh('payments');
    await configure('east', {
      dataplane: { publicKeys: [{ ...keys.publicKey('dataplane'), mesh: 'default' }] },
      zone: { publicKeys: [keys.publicKey('zone')] },
    });
    await lab.synced();
    const [east, west] = [lab.zone('east'), lab.zone('west')];
    const [dataplane, zone] = [await sign('dataplane'), await sign('zone')];
    expect([await verdict(east, dataplane, 'dataplane'), await verdict(west, dataplane, 'dataplane')]).toEqual([
      'accepted',
      'unknown_kid',
    ]);
    const elsewhere = await sign('dataplane', { request: { mesh: 'payments' } });
    expect(await east.verify(elsewhere, 'dataplane', 'payments')).toMatchObject({ reason: 'unknown_kid' });
    expect([await verdict(east, zone, 'zone'), await verdict(west, zone, 'zone')]).toEqual(['accepted', 'unknown_kid']);
    await lab.global.revoke('zone-token-revocations', [decodeToken(zone).jti]);
    await lab.synced();
    expect(await verdict(east, zone, 'zone')).toBe('revoked');
  });

  it('takes a token of one kind for none of another', async () => {
    lab = await startWiredLab({ zones: ['east'] });
    const publicKeys = (kind: OfflineKind) => ({ publicKeys: [keys.publicKey(kind)] });
    await configure('east', { user: publicKeys('user'), dataplane: publicKeys('dataplane'), zone: publicKeys('zone') });
    await lab.synced();
    for (const signed of OFFLINE_KINDS) {
      const token = await sign(signed);
      const accepting: string[] = [];
      for (const kind of [...OFFLINE_KINDS, 'zone-ingress'] as const) {
        if ((await verdict(lab.zone('east'), token, kind)) === 'accepted') accepting.push(kind);
      }
      expect([signed, accepting]).toEqual([signed, [signed]]);
    }
  });
});
