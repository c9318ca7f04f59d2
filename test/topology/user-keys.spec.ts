import { decodeToken, Relay, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const USER_KEY = 'user-token-signing-key-1';
const JOHN = { name: 'john', groups: ['team-a'], validFor: '24h' };

/** Pieces by which a secret is known again: of its text, of that as base64, and of the bytes of a key. */
function tracesOf(secret: string): Buffer[] {
  const text = secret.split('\n').filter((line) => !line.startsWith('-----'));
  const base64 = [0, 1, 2].map((shift) => Buffer.from(secret).subarray(shift).toString('base64'));
  const isKey = secret.startsWith('-----BEGIN');
  const bytes = isKey ? [Buffer.from(text.join(''), 'base64')] : [];
  return [...[...text, ...base64].map((line) => Buffer.from(line)), ...bytes].flatMap(inPieces);
}

function inPieces(bytes: Buffer): Buffer[] {
  const size = 32;
  return Array.from({ length: Math.floor(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
}

describe('keys and tokens of users', () => {
  let lab: WiredLab;
  let wire: Relay;
  beforeAll(async () => {
    wire = await Relay.open();
    lab = await startWiredLab({ dialThrough: (_, address) => wire.dial(address) });
  });
  afterAll(async () => {
    await lab.stop();
    await wire.close();
  });

  const nodes = () => [lab.global, lab.zone('east'), lab.zone('west')];
  const hasAdminToken = () =>
    lab.until(async () => {
      const names = await Promise.all(nodes().map((node) => node.secretNames()));
      return names.every((list) => list.includes('admin-user-token'));
    }, 'every control plane has its admin token');

  it('never leave their control plane, while the zone ingress key does: every byte of the links is searched', async () => {
    await hasAdminToken();
    // All that could make them travel: keys and lists are written, rotated, labelled for the journey, and synced anew.
    const rotated = await lab.makeKey();
    await lab.global.putSecret('user-token-signing-key-2', rotated, { labels: { 'kuma.io/kds-sync': 'enabled' } });
    const revoked = decodeToken(await lab.global.issue('user', JOHN)).jti;
    await lab.global.putSecret('user-token-revocations', revoked, { labels: { 'kuma.io/kds-sync': 'enabled' } });
    await lab.global.createMesh('noise');
    await lab.synced();
    await lab.global.restart();
    await lab.synced();

    const secrets = await Promise.all(
      nodes().flatMap((node) => [USER_KEY, 'admin-user-token'].map((name) => node.secretText(name))),
    );
    for (const secret of [...secrets, rotated]) {
      const traces = tracesOf(secret);
      expect(traces.length).toBeGreaterThan(10);
      expect(traces.filter((piece) => wire.hasCarried(piece))).toEqual([]);
    }
    expect(wire.hasCarried(Buffer.from(revoked))).toBe(false);

    const ingressKey = tracesOf(await lab.global.secretText('zone-ingress-token-signing-key-1'));
    expect(ingressKey.filter((piece) => wire.hasCarried(piece)).length).toBeGreaterThan(10);
    expect(await lab.zone('east').secretNames()).not.toContain('user-token-signing-key-2');
  });
});

describe('a user token of global in a zone', () => {
  let lab: WiredLab;
  beforeAll(async () => {
    lab = await startWiredLab();
  });
  afterAll(() => lab.stop());

  const whoIs = async (zone: string, token: string) => {
    const { status, body } = await lab.zone(zone).get('/who-am-i', { token });
    return status === 200 ? body.name : status;
  };
  /** By hand: what a GET on global shows is PUT to a zone as it is. */
  const copy = async (zone: string) => {
    const { body } = await lab.global.get(`/global-secrets/${USER_KEY}`);
    const { status } = await lab.zone(zone).call('PUT', `/global-secrets/${USER_KEY}`, body);
    expect(status).toBe(200);
  };

  it('is refused before its key is copied, since the kid is the same and the key is not', async () => {
    const token = await lab.global.issue('user', JOHN);
    expect(await whoIs('west', token)).toBe(401);
    const verdict = await lab.zone('west').verify(token, 'user');
    expect(verdict).toMatchObject({ accepted: false, reason: 'bad_signature' });
    expect(verdict.steps.at(-1)?.detail).toMatch(/^the kid is the same and the key is not: another key of this name/);
  });

  it('is good once the key was copied by hand, there and not in the other zone', async () => {
    const token = await lab.global.issue('user', JOHN);
    await copy('east');
    expect(await whoIs('east', token)).toBe('john');
    expect(await whoIs('west', token)).toBe(401);
    const fromZone = await lab.zone('east').issue('user', JOHN);
    expect((await lab.global.get('/who-am-i', { token: fromZone })).body).toMatchObject({ name: 'john' });
  });

  it('stays good after a restart of the zone and after a full resync', async () => {
    const token = await lab.global.issue('user', JOHN);
    await copy('east');
    await lab.zone('east').restart();
    expect(await whoIs('east', token)).toBe('john');
    await lab.global.restart();
    await lab.synced();
    expect(await whoIs('east', token)).toBe('john');
    expect(await lab.zone('east').secretText(USER_KEY)).toBe(await lab.global.secretText(USER_KEY));
  });

  it('makes no administrator locked out: the admin token of the zone is made anew with the copied key', async () => {
    const zone = lab.zone('west');
    await lab.until(async () => (await zone.secretNames()).includes('admin-user-token'), 'west has an admin token');
    const before = await zone.secretText('admin-user-token');
    await copy('west');
    await lab.until(async () => (await zone.secretText('admin-user-token')) !== before, 'it is made anew');
    const after = await zone.secretText('admin-user-token');
    expect(await whoIs('west', before)).toBe(401);
    expect(await whoIs('west', after)).toBe('mesh-system:admin');
    expect((await zone.get('/global-secrets', { token: after })).status).toBe(200);
  });

  it('is revoked in each place where its key is, by a list of that place', async () => {
    const token = await lab.global.issue('user', JOHN);
    await copy('east');
    await lab.global.revoke('user-token-revocations', [decodeToken(token).jti]);
    await lab.synced();
    expect((await lab.global.get('/who-am-i', { token })).status).toBe(401);
    expect(await whoIs('east', token)).toBe('john');
    await lab.zone('east').revoke('user-token-revocations', [decodeToken(token).jti]);
    expect(await whoIs('east', token)).toBe(401);
  });

  it('is not touched by keys that a zone has for its own users', async () => {
    const token = await lab.global.issue('user', JOHN);
    await lab.zone('west').putSecret('user-token-signing-key-7', await lab.makeKey());
    expect(decodeToken(await lab.zone('west').issue('user', JOHN)).kid).toBe('7');
    await lab.synced();
    expect(await lab.global.secretNames()).not.toContain('user-token-signing-key-7');
    expect((await lab.global.get('/who-am-i', { token })).body).toMatchObject({ name: 'john' });
  });
});
