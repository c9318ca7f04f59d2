import { nodeCrypto, tokenKind } from '@koguma/auth';
import { decodeToken, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const HOUR = 3_600;
const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Claims are written with a capital, members of a request without. */
const capitalized = (request: object) =>
  Object.fromEntries(
    Object.entries(request).map(([name, value]) => [name.replace(/^./, (a) => a.toUpperCase()), value]),
  );

let lab: WiredLab;
beforeAll(async () => {
  lab = await startWiredLab();
});
afterAll(() => lab.stop());

describe('a token that a zone issues', () => {
  it('is answered as bare text', async () => {
    const answer = await lab.zone('east').call('POST', '/tokens/zone-ingress', { zone: 'east', validFor: '720h' });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/plain']);
    expect(answer.text).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
  });

  it('is accepted by the zone, by the other zone and by global, when it is for a zone ingress', async () => {
    const token = await lab.zone('east').issue('zone-ingress', { zone: 'east' });
    for (const node of [lab.zone('east'), lab.zone('west'), lab.global]) {
      expect(await node.verify(token, 'zone-ingress')).toMatchObject({ accepted: true, identity: { Zone: 'east' } });
    }
  });

  it('is accepted by the zone, by the other zone and by global, when it is for a dataplane', async () => {
    const token = await lab.zone('east').issue('dataplane', { name: 'dp-echo-1', mesh: 'default' });
    for (const node of [lab.zone('east'), lab.zone('west'), lab.global]) {
      expect(await node.verify(token, 'dataplane', 'default')).toMatchObject({
        accepted: true,
        identity: { Name: 'dp-echo-1', Mesh: 'default', Tags: {} },
      });
    }
  });

  it('is signed by the same key as one of global', async () => {
    const [here, there] = await Promise.all(
      [lab.zone('east'), lab.global].map(async (node) => {
        const token = await node.issue('zone-ingress', { zone: 'east' });
        const { steps } = await lab.zone('west').verify(token, 'zone-ingress');
        return steps.find(({ step }) => step === 'key')?.detail;
      }),
    );
    expect(here).toContain('zone-ingress-token-signing-key-1');
    expect(here).toBe(there);
  });

  it.each([
    ['only a mesh', {}],
    ['a mesh and tags', { tags: { 'kuma.io/service': ['backend', 'backend-admin'] } }],
    ['a mesh, a name and tags', { name: 'dp-echo-1', tags: { 'kuma.io/service': ['backend'] } }],
  ])('can be for %s, and says no more than that', async (_, binds) => {
    const token = await lab.zone('east').issue('dataplane', { mesh: 'default', ...binds });
    const { identity } = await lab.zone('west').verify(token, 'dataplane', 'default');
    expect(identity).toMatchObject({ Mesh: 'default', Name: '', Tags: {}, ...capitalized(binds) });
  });

  it('has the header of an RS256 JWT with the serial number of its key as kid', async () => {
    const token = await lab.zone('east').issue('zone-ingress', { zone: 'east' });
    expect(JSON.stringify(decodeToken(token).header)).toBe('{"alg":"RS256","kid":"1","typ":"JWT"}');
  });

  it('has the claims of its kind first, in the order of Kuma, and the registered ones after them', async () => {
    const ingress = decodeToken(await lab.zone('east').issue('zone-ingress', { zone: 'east' }));
    expect(Object.keys(ingress.claims)).toEqual(['Zone', 'exp', 'nbf', 'iat', 'jti']);
    const dataplane = decodeToken(
      await lab.zone('east').issue('dataplane', {
        tags: { 'kuma.io/service': ['backend', 'backend-admin'] },
        mesh: 'default',
        name: 'dp-echo-1',
      }),
    );
    expect(Object.keys(dataplane.claims)).toEqual(['Name', 'Mesh', 'Tags', 'Type', 'exp', 'nbf', 'iat', 'jti']);
    expect(dataplane.claims).toMatchObject({
      Name: 'dp-echo-1',
      Mesh: 'default',
      Tags: { 'kuma.io/service': ['backend', 'backend-admin'] },
      Type: '',
    });
  });

  it('is valid from five minutes ago until validFor from now, in whole seconds', async () => {
    const before = Math.floor(lab.clock.wall() / 1000);
    const { claims } = decodeToken(await lab.zone('east').issue('zone-ingress', { zone: 'east', validFor: '720h' }));
    const iat = Number(claims.iat);
    expect(iat).toBeGreaterThanOrEqual(before);
    expect(iat).toBeLessThanOrEqual(Math.floor(lab.clock.wall() / 1000));
    expect(claims).toMatchObject({ nbf: iat - 300, exp: iat + 720 * HOUR });
  });

  it('is valid for ten years when nobody says how long', async () => {
    const requests = [
      ['dataplane', { mesh: 'default' }],
      ['zone-ingress', { zone: 'east' }],
    ] as const;
    for (const [kind, request] of requests) {
      const { claims } = decodeToken(await lab.zone('east').issue(kind, request));
      expect(Number(claims.exp) - Number(claims.iat)).toBe(87_600 * HOUR);
    }
  });

  it('has an id of its own, a UUID', async () => {
    const issued = await Promise.all(
      Array.from({ length: 20 }, () => lab.zone('east').issue('zone-ingress', { zone: 'east' })),
    );
    const ids = issued.map((token) => decodeToken(token).jti);
    expect(new Set(ids).size).toBe(20);
    for (const id of ids) expect(id).toMatch(UUID_V4);
  });

  it('is stored nowhere', async () => {
    await lab.until(async () => {
      const names = await Promise.all(
        [lab.global, lab.zone('east'), lab.zone('west')].map((node) => node.secretNames()),
      );
      return names.every((list) => list.includes('admin-user-token'));
    }, 'what first starts make is made');
    const revisions = () => [lab.global, lab.zone('east'), lab.zone('west')].map(({ served }) => served.view.revision);
    const before = revisions();
    await lab.zone('east').issue('zone-ingress', { zone: 'east' });
    await lab.global.issue('dataplane', { mesh: 'default' });
    await lab.synced();
    expect(revisions()).toEqual(before);
  });

  it('would be refused without an expiration date', async () => {
    const key = nodeCrypto.parseKey(Buffer.from(await lab.global.secretText('zone-ingress-token-signing-key-1')));
    const exp = Math.floor(lab.clock.wall() / 1000) + HOUR;
    const [dated, undated] = await Promise.all(
      [{ Zone: 'east', exp }, { Zone: 'east' }].map((claims) => nodeCrypto.sign('1', claims, key)),
    );
    expect(await lab.zone('east').verify(dated ?? '', 'zone-ingress')).toMatchObject({ accepted: true });
    expect(await lab.zone('east').verify(undated ?? '', 'zone-ingress')).toMatchObject({ reason: 'malformed' });
  });

  it('expires', async () => {
    const token = await lab.zone('east').issue('zone-ingress', { zone: 'east', validFor: '1h' });
    lab.clock.advance(HOUR * 1_000 + 1_000);
    try {
      expect(await lab.zone('west').verify(token, 'zone-ingress')).toMatchObject({
        accepted: false,
        reason: 'expired',
      });
    } finally {
      lab.clock.advance(-HOUR * 1_000 - 1_000);
    }
  });
});

describe('a token that global issues', () => {
  it('is accepted in every zone, when it is for a zone, and says its scope', async () => {
    const token = await lab.global.issue('zone', { zone: 'east', scope: ['ingress', 'egress'] });
    for (const name of ['east', 'west']) {
      expect(await lab.zone(name).verify(token, 'zone')).toMatchObject({
        accepted: true,
        identity: { Zone: 'east', Scope: ['ingress', 'egress'] },
      });
    }
  });

  it('is refused where its kind, its mesh or its signature is not what is asked for', async () => {
    await lab.global.createMesh('billing');
    await lab.synced();
    const token = await lab.global.issue('dataplane', { mesh: 'default' });
    const zone = lab.zone('west');
    expect(await zone.verify(token, 'dataplane', 'billing')).toMatchObject({ reason: 'bad_signature' });
    expect(await zone.verify(token, 'zone-ingress')).toMatchObject({ reason: 'bad_signature' });
    const flipped = `${token.slice(0, -10)}${token.at(-10) === 'A' ? 'B' : 'A'}${token.slice(-9)}`;
    expect(await zone.verify(flipped, 'dataplane', 'default')).toMatchObject({ reason: 'bad_signature' });
  });
});

describe('a zone that cannot issue', () => {
  it('says that there is no signing key, for a mesh that does not exist', async () => {
    const { status, body } = await lab.zone('east').call('POST', '/tokens/dataplane', { mesh: 'nowhere' });
    expect(status).toBe(404);
    expect(body).toMatchObject({ type: '/std-errors', status: 404, title: 'Signing Key not found' });
    expect(body.detail).toMatch(
      /^there is no signing key with KID 1\. Secret of name "dataplane-token-signing-key-nowhere-1" in mesh "nowhere" is not found/,
    );
  });

  it('says that zone tokens are issued on global', async () => {
    const { status, body } = await lab.zone('east').call('POST', '/tokens/zone', { zone: 'east', scope: ['ingress'] });
    expect([status, body.title]).toEqual([404, 'Signing Key not found']);
    expect(body.detail).toContain('zone tokens are issued on the global control plane');
  });

  it('needs a mesh for a dataplane token', async () => {
    const { status, body } = await lab.zone('east').call('POST', '/tokens/dataplane', { name: 'dp-1' });
    expect(status).toBe(400);
    expect(body.invalid_parameters).toEqual([{ field: 'mesh', reason: 'cannot be empty' }]);
  });

  it('names each field that is wrong', async () => {
    const { status, body } = await lab
      .zone('east')
      .call('POST', '/tokens/zone-ingress', { zone: '', validFor: 'long' });
    expect([status, body.title]).toEqual([400, 'Invalid request']);
    expect((body.invalid_parameters as { field: string }[]).map(({ field }) => field)).toEqual(['zone', 'validFor']);
  });
});

describe('a user token', () => {
  it('is signed by the key of the control plane that made it, and good there alone', async () => {
    const nodes = [lab.global, lab.zone('east'), lab.zone('west')];
    for (const issuer of nodes) {
      const token = await issuer.issue('user', { name: 'john', groups: ['team-a'], validFor: '24h' });
      expect(decodeToken(token).kid).toBe('1');
      for (const node of nodes) {
        const verdict = await node.verify(token, 'user');
        expect([node.name, verdict.accepted]).toEqual([node.name, node === issuer]);
      }
    }
  });

  it('must say how long it is valid, unlike the other kinds', async () => {
    const { status, body } = await lab.zone('east').call('POST', '/tokens/user', { name: 'john' });
    expect(status).toBe(400);
    expect(body.invalid_parameters).toEqual([{ field: 'validFor', reason: 'cannot be empty' }]);
    expect(tokenKind('user').defaultValidFor).toBeUndefined();
  });
});
