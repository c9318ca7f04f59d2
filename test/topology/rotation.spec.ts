import { createPrivateKey } from 'node:crypto';
import { nodeCrypto } from '@koguma/auth';
import { decodeToken, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const INGRESS_KEY = 'zone-ingress-token-signing-key';
const INGRESS = { zone: 'east' };
/** What is said to who deletes the only key. */
const NONE_LEFT = [
  'zone-ingress tokens with kid 1 are refused from now on',
  expect.stringContaining('none can be issued until there is a new one'),
];

let lab: WiredLab;
afterAll(() => lab.stop());

/** What a control plane says of a zone ingress token. */
const answer = async (name: string, token: string) => {
  const node = name === 'global' ? lab.global : lab.zone(name);
  const { accepted, reason } = await node.verify(token, 'zone-ingress');
  return accepted ? 'accepted' : reason;
};
const answers = (token: string) => Promise.all(['global', 'east', 'west'].map((name) => answer(name, token)));
const everywhere = (one: string) => [one, one, one];

/** One story, told in order. */
describe('the documented rotation of a signing key', () => {
  let old: string;
  beforeAll(async () => {
    lab = await startWiredLab();
    old = await lab.zone('east').issue('zone-ingress', INGRESS);
  });

  it('begins with a key of a higher serial number on global, which signs in the zones once it is there', async () => {
    await lab.global.putSecret(`${INGRESS_KEY}-2`, await lab.makeKey());
    await lab.synced();
    for (const name of ['east', 'west']) {
      expect(decodeToken(await lab.zone(name).issue('zone-ingress', INGRESS)).kid).toBe('2');
    }
  });

  it('goes on with tokens of both keys accepted everywhere', async () => {
    const fresh = await lab.zone('west').issue('zone-ingress', INGRESS);
    expect(decodeToken(old).kid).toBe('1');
    expect(decodeToken(fresh).kid).toBe('2');
    expect(await answers(old)).toEqual(everywhere('accepted'));
    expect(await answers(fresh)).toEqual(everywhere('accepted'));
  });

  it('ends with the old key deleted, and its tokens refused everywhere', async () => {
    const fresh = await lab.zone('west').issue('zone-ingress', INGRESS);
    const { body } = await lab.global.deleteSecret(`${INGRESS_KEY}-1`);
    expect(body.warnings).toEqual(['zone-ingress tokens with kid 1 are refused from now on']);
    await lab.synced();
    expect(await answers(old)).toEqual(everywhere('unknown_kid'));
    expect(await answers(fresh)).toEqual(everywhere('accepted'));
    for (const name of ['east', 'west']) {
      expect(await lab.zone(name).secretNames()).not.toContain(`${INGRESS_KEY}-1`);
    }
  });

  it('is not undone by a restart, which makes no key with serial number 1 again', async () => {
    await lab.global.restart();
    await lab.synced();
    for (const node of [lab.global, lab.zone('east')]) {
      expect((await node.secretNames()).filter((name) => name.startsWith(INGRESS_KEY))).toEqual([`${INGRESS_KEY}-2`]);
    }
  });

  it('works for the key of a mesh, and leaves other meshes alone', async () => {
    const KEY = 'dataplane-token-signing-key-default';
    await lab.global.createMesh('other');
    await lab.synced();
    const [first, other] = await Promise.all(
      ['default', 'other'].map((mesh) => lab.zone('east').issue('dataplane', { mesh })),
    );
    await lab.global.putSecret(`${KEY}-2`, await lab.makeKey(), { mesh: 'default' });
    await lab.synced();
    const second = await lab.zone('west').issue('dataplane', { mesh: 'default' });
    expect(decodeToken(second).kid).toBe('2');
    expect(await lab.zone('west').verify(first ?? '', 'dataplane', 'default')).toMatchObject({ accepted: true });

    await lab.global.deleteSecret(`${KEY}-1`, 'default');
    await lab.synced();
    const verify = async (token = '', mesh: string) =>
      (await lab.zone('west').verify(token, 'dataplane', mesh)).reason ?? 'accepted';
    expect(await verify(first, 'default')).toBe('unknown_kid');
    expect(await verify(second, 'default')).toBe('accepted');
    expect(await verify(other, 'other')).toBe('accepted');
  });

  it('works for the key of zone tokens, of which zones see the public half', async () => {
    const request = { zone: 'east', scope: ['ingress'] };
    const first = await lab.global.issue('zone', request);
    await lab.global.putSecret('zone-token-signing-key-2', await lab.makeKey());
    await lab.global.deleteSecret('zone-token-signing-key-1');
    await lab.synced();
    const second = await lab.global.issue('zone', request);
    expect(await lab.zone('east').verify(first, 'zone')).toMatchObject({ reason: 'unknown_kid' });
    expect(await lab.zone('east').verify(second, 'zone')).toMatchObject({ accepted: true });
    expect((await lab.zone('east').secretNames()).filter((name) => name.startsWith('zone-token'))).toEqual([
      'zone-token-signing-public-key-2',
    ]);
  });

  it('works for the key of user tokens on one control plane', async () => {
    const first = await lab.global.issue('user', { name: 'john', validFor: '1h' });
    await lab.global.putSecret('user-token-signing-key-2', await lab.makeKey());
    const second = await lab.global.issue('user', { name: 'john', validFor: '1h' });
    expect(decodeToken(second).kid).toBe('2');
    const status = async (token: string) => (await lab.global.get('/who-am-i', { token })).status;
    expect([await status(first), await status(second)]).toEqual([200, 200]);
    await lab.global.deleteSecret('user-token-signing-key-1');
    expect([await status(first), await status(second)]).toEqual([401, 200]);
  });
});

describe('a rotation', () => {
  beforeAll(async () => {
    await lab.stop();
    lab = await startWiredLab();
  });
  /** Only the first key is left. */
  beforeEach(async () => {
    for (const name of await lab.global.secretNames()) {
      if (name.startsWith(INGRESS_KEY) && name !== `${INGRESS_KEY}-1`) await lab.global.deleteSecret(name);
    }
    await lab.synced();
  });

  it('is read by who wrote it: on global the new key signs from the answer on', async () => {
    for (const serial of [2, 3, 4, 5]) {
      await lab.global.putSecret(`${INGRESS_KEY}-${serial}`, await lab.makeKey());
      expect(decodeToken(await lab.global.issue('zone-ingress', INGRESS)).kid).toBe(String(serial));
      await lab.global.deleteSecret(`${INGRESS_KEY}-${serial}`);
      expect(decodeToken(await lab.global.issue('zone-ingress', INGRESS)).kid).toBe('1');
    }
  });

  it('compares serial numbers as numbers: 10 beats 9', async () => {
    await lab.global.putSecret(`${INGRESS_KEY}-10`, await lab.makeKey());
    await lab.global.putSecret(`${INGRESS_KEY}-9`, await lab.makeKey());
    await lab.synced();
    for (const node of [lab.global, lab.zone('east'), lab.zone('west')]) {
      expect(decodeToken(await node.issue('zone-ingress', INGRESS)).kid).toBe('10');
    }
  });

  it('with a key that is lower than the highest warns that it does not sign', async () => {
    await lab.global.putSecret(`${INGRESS_KEY}-10`, await lab.makeKey());
    const { body } = await lab.global.putSecret(`${INGRESS_KEY}-9`, await lab.makeKey());
    expect(body.warnings).toEqual(['serial 10 is higher and goes on signing: a new key needs a higher serial']);
  });

  it('can be prepared: a key labelled so verifies in the zones, and signs when the label is gone', async () => {
    const key = await lab.makeKey();
    await lab.global.putSecret(`${INGRESS_KEY}-2`, key, { labels: { 'koguma.io/phase': 'prepared' } });
    await lab.synced();
    const now = Math.floor(lab.clock.wall() / 1000);
    const elsewhere = await nodeCrypto.sign(
      '2',
      { Zone: 'east', exp: now + 60 },
      nodeCrypto.parseKey(Buffer.from(key)),
    );
    expect(await answers(elsewhere)).toEqual(everywhere('accepted'));
    for (const node of [lab.global, lab.zone('east')]) {
      expect(decodeToken(await node.issue('zone-ingress', INGRESS)).kid).toBe('1');
    }

    await lab.global.putSecret(`${INGRESS_KEY}-2`, key);
    await lab.synced();
    for (const node of [lab.global, lab.zone('east')]) {
      expect(decodeToken(await node.issue('zone-ingress', INGRESS)).kid).toBe('2');
    }
  });

  it('that puts other bytes under the same serial number warns, and refuses the tokens of the first', async () => {
    await lab.global.putSecret(`${INGRESS_KEY}-2`, await lab.makeKey());
    await lab.synced();
    const token = await lab.zone('east').issue('zone-ingress', INGRESS);
    const { body } = await lab.global.putSecret(`${INGRESS_KEY}-2`, await lab.makeKey());
    expect(body.warnings).toEqual([
      'this replaces another key with serial 2: tokens that it signed are refused from now on',
    ]);
    await lab.synced();
    expect(decodeToken(await lab.zone('east').issue('zone-ingress', INGRESS)).kid).toBe('2');
    expect(await answers(token)).toEqual(everywhere('bad_signature'));
  });

  it('that deletes the only key stops issuing everywhere, as was warned of, until there is a new one', async () => {
    const key = await lab.global.secretText(`${INGRESS_KEY}-1`);
    const { body } = await lab.global.deleteSecret(`${INGRESS_KEY}-1`);
    expect(body.warnings).toEqual(NONE_LEFT);
    await lab.synced();
    for (const node of [lab.global, lab.zone('east')]) {
      const { status, body } = await node.call('POST', '/tokens/zone-ingress', INGRESS);
      expect([status, body.title]).toEqual([404, 'Signing Key not found']);
    }
    await lab.global.putSecret(`${INGRESS_KEY}-1`, key);
    await lab.synced();
    expect(await answers(await lab.zone('west').issue('zone-ingress', INGRESS))).toEqual(everywhere('accepted'));
  });

  it('can be tried first: dryRun answers the same warnings and changes nothing', async () => {
    const { body } = await lab.global.call('DELETE', `/global-secrets/${INGRESS_KEY}-1?dryRun`);
    expect(body).toMatchObject({ dryRun: true, warnings: NONE_LEFT });
    expect(await lab.global.secretNames()).toContain(`${INGRESS_KEY}-1`);
  });

  it('takes a key as any tool writes it, and keeps it in the form that Kuma reads', async () => {
    const pem = createPrivateKey(await lab.makeKey())
      .export({ type: 'pkcs8', format: 'pem' })
      .toString();
    expect(pem).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    await lab.global.putSecret(`${INGRESS_KEY}-2`, pem);
    expect(await lab.global.secretText(`${INGRESS_KEY}-2`)).toMatch(/^-----BEGIN RSA PRIVATE KEY-----/);
    await lab.synced();
    const token = await lab.zone('east').issue('zone-ingress', INGRESS);
    expect(decodeToken(token).kid).toBe('2');
    expect(await answers(token)).toEqual(everywhere('accepted'));
  });

  it.each([
    ['a serial number with a leading zero', `${INGRESS_KEY}-02`, 'name'],
    ['no serial number', INGRESS_KEY, 'name'],
    ['a word for a serial number', `${INGRESS_KEY}-next`, 'name'],
    ['no key in it', `${INGRESS_KEY}-2`, 'data'],
  ])('with %s is refused, so that it cannot break issuing or syncing', async (_, name, field) => {
    const data = field === 'data' ? 'no key' : await lab.global.secretText(`${INGRESS_KEY}-1`);
    const { status, body } = await lab.global.call('PUT', `/global-secrets/${name}`, {
      data: Buffer.from(data).toString('base64'),
    });
    expect(status).toBe(400);
    expect((body.invalid_parameters as { field: string }[]).map(({ field }) => field)).toEqual([field]);
    expect(await lab.global.secretNames()).not.toContain(name);
  });
});
