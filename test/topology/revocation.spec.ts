import { randomUUID } from 'node:crypto';
import type { TokenKindName } from '@koguma/auth';
import { decodeToken, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** A token kind whose revocations reach zones: how to get one, and where its list is. */
interface Revocable {
  readonly kind: TokenKindName;
  readonly request: Record<string, unknown>;
  /** Where it is asked for: zone tokens are issued on global alone. */
  readonly issuedBy: 'zone' | 'global';
  readonly list: string;
  /** The mesh that the token is for; undefined for kinds that have none. */
  readonly mesh?: string;
  /** The mesh of the list, which is not always that of the token. */
  readonly listMesh?: string;
  readonly where: string;
}

const REVOCABLE: readonly Revocable[] = [
  {
    kind: 'zone-ingress',
    request: { zone: 'east' },
    issuedBy: 'zone',
    list: 'zone-ingress-token-revocations',
    where: 'GlobalSecret zone-ingress-token-revocations',
  },
  {
    kind: 'dataplane',
    request: { mesh: 'default' },
    issuedBy: 'zone',
    list: 'dataplane-token-revocations-default',
    mesh: 'default',
    listMesh: 'default',
    where: 'Secret dataplane-token-revocations-default',
  },
  {
    kind: 'dataplane',
    request: { mesh: 'default' },
    issuedBy: 'zone',
    list: 'dataplane-token-revocations-default',
    mesh: 'default',
    where: 'GlobalSecret dataplane-token-revocations-default',
  },
  {
    kind: 'zone',
    request: { zone: 'east', scope: ['ingress'] },
    issuedBy: 'global',
    list: 'zone-token-revocations',
    where: 'GlobalSecret zone-token-revocations',
  },
];

let lab: WiredLab;
beforeAll(async () => {
  lab = await startWiredLab();
});
afterAll(() => lab.stop());

const named = REVOCABLE.map((row) => [row.kind, row.where, row] as const);

describe.each(named)('a revocation of a %s token by the %s', (_kind, _where, row) => {
  const { kind, request, issuedBy, list, mesh, listMesh } = row;
  const issue = () => (issuedBy === 'zone' ? lab.zone('east') : lab.global).issue(kind, request);
  const write = (text: string) => lab.global.putSecret(list, text, listMesh === undefined ? {} : { mesh: listMesh });
  const remove = () => lab.global.deleteSecret(list, listMesh);
  /** What every control plane says of a token. */
  const answers = (token: string) =>
    Promise.all(
      [lab.global, lab.zone('east'), lab.zone('west')].map(async (node) => {
        const { accepted, reason } = await node.verify(token, kind, mesh);
        return accepted ? 'accepted' : reason;
      }),
    );
  const ACCEPTED = ['accepted', 'accepted', 'accepted'];
  const REVOKED = ['revoked', 'revoked', 'revoked'];

  it('made on global is refused in both zones, and other tokens pass', async () => {
    const [bad, good] = await Promise.all([issue(), issue()]);
    expect(await answers(bad)).toEqual(ACCEPTED);
    await write(decodeToken(bad).jti);
    await lab.synced();
    expect(await answers(bad)).toEqual(REVOKED);
    expect(await answers(good)).toEqual(ACCEPTED);
  });

  it('taken back is accepted again', async () => {
    const token = await issue();
    await write(`${decodeToken(token).jti},${randomUUID()}`);
    await lab.synced();
    expect(await answers(token)).toEqual(REVOKED);
    await write(randomUUID());
    await lab.synced();
    expect(await answers(token)).toEqual(ACCEPTED);

    await write(decodeToken(token).jti);
    await remove();
    await lab.synced();
    expect(await answers(token)).toEqual(ACCEPTED);
  });

  it('holds for every id of a list with commas between them', async () => {
    const tokens = await Promise.all([issue(), issue(), issue()]);
    await write(tokens.map((token) => decodeToken(token).jti).join(','));
    await lab.synced();
    for (const token of tokens) expect(await answers(token)).toEqual(REVOKED);
  });

  it('says which list and how many ids it holds', async () => {
    const token = await issue();
    await remove();
    await write(`${randomUUID()},${decodeToken(token).jti}`);
    await lab.synced();
    const { steps } = await lab.zone('west').verify(token, kind, mesh);
    const step = steps.find(({ step }) => step === 'revocation');
    expect(step).toMatchObject({ ok: false });
    expect(step?.detail).toMatch(new RegExp(`^${decodeToken(token).jti} is on ${list} \\(revision \\d+, 2 ids\\)$`));
    await remove();
  });
});

describe('a revocation list', () => {
  it.each([
    ['a comma', ','],
    ['a comma and a space', ', '],
    ['a line end', '\n'],
    ['a line end of Windows', '\r\n'],
    ['a tab', '\t'],
    ['a comma too many', ',,'],
  ])('may have %s between its ids', async (_, separator) => {
    const tokens = await Promise.all([1, 2].map(() => lab.zone('east').issue('zone-ingress', { zone: 'east' })));
    const ids = tokens.map((token) => decodeToken(token).jti);
    await lab.global.putSecret('zone-ingress-token-revocations', `${separator}${ids.join(separator)}${separator}`);
    await lab.synced();
    for (const token of tokens) {
      expect(await lab.zone('west').verify(token, 'zone-ingress')).toMatchObject({ reason: 'revoked' });
    }
  });

  it('made by echo and base64, with its line end, revokes', async () => {
    const token = await lab.zone('east').issue('zone-ingress', { zone: 'east' });
    await lab.global.putSecret('zone-ingress-token-revocations', `${decodeToken(token).jti}\n`);
    await lab.synced();
    expect(await lab.zone('east').verify(token, 'zone-ingress')).toMatchObject({ reason: 'revoked' });
  });

  it('revokes an id in capitals too', async () => {
    const token = await lab.zone('east').issue('zone-ingress', { zone: 'east' });
    await lab.global.revoke('zone-ingress-token-revocations', [decodeToken(token).jti.toUpperCase()]);
    await lab.synced();
    expect(await lab.zone('east').verify(token, 'zone-ingress')).toMatchObject({ reason: 'revoked' });
  });

  it('with entries that cannot be the id of a token is stored, and its writer is warned', async () => {
    const list = `${randomUUID()},not-a-uuid, eyJhbGciOi`;
    const { body } = await lab.global.putSecret('zone-ingress-token-revocations', list);
    expect(body.warnings).toEqual([
      '2 of the entries cannot be the id (jti, a UUID) of a token: "not-a-uuid", "eyjhbgcioi"',
    ]);
    expect(await lab.global.secretText('zone-ingress-token-revocations')).toBe(list);
  });

  it('of one kind says nothing of the tokens of another', async () => {
    const token = await lab.zone('east').issue('zone-ingress', { zone: 'east' });
    const { jti } = decodeToken(token);
    await lab.global.revoke('zone-ingress-token-revocations', []);
    await lab.global.revoke('zone-token-revocations', [jti]);
    await lab.global.putSecret('dataplane-token-revocations-default', jti, { mesh: 'default' });
    await lab.synced();
    expect(await lab.zone('east').verify(token, 'zone-ingress')).toMatchObject({ accepted: true });
  });

  it('of one mesh says nothing of the tokens of another', async () => {
    await lab.global.createMesh('other');
    await lab.synced();
    const token = await lab.zone('east').issue('dataplane', { mesh: 'other' });
    await lab.global.putSecret('dataplane-token-revocations-default', decodeToken(token).jti, { mesh: 'default' });
    await lab.synced();
    expect(await lab.zone('east').verify(token, 'dataplane', 'other')).toMatchObject({ accepted: true });
  });

  it('for users revokes on its own control plane alone, and does not cross', async () => {
    const token = await lab.global.issue('user', { name: 'john', validFor: '1h' });
    const inZone = await lab.zone('east').issue('user', { name: 'john', validFor: '1h' });
    expect((await lab.global.get('/who-am-i', { token })).status).toBe(200);
    await lab.global.revoke('user-token-revocations', [decodeToken(token).jti, decodeToken(inZone).jti]);
    await lab.synced();
    expect((await lab.global.get('/who-am-i', { token })).status).toBe(401);
    expect((await lab.zone('east').get('/who-am-i', { token: inZone })).status).toBe(200);
    expect(await lab.zone('east').secretNames()).not.toContain('user-token-revocations');
  });
});

describe('a revocation list that no response could carry to the zones', () => {
  const LIMIT = 100_000;
  let small: WiredLab;
  beforeAll(async () => {
    small = await startWiredLab({ zones: ['east'], env: { KUMA_MULTIZONE_GLOBAL_KDS_MAX_MSG_SIZE: String(LIMIT) } });
  });
  afterAll(() => small.stop());

  it('is refused with its size and the limit, and the list before it stays', async () => {
    const token = await small.zone('east').issue('zone-ingress', { zone: 'east' });
    await small.global.revoke('zone-ingress-token-revocations', [decodeToken(token).jti]);
    const { status, body } = await small.global.call('PUT', '/global-secrets/zone-ingress-token-revocations', {
      data: Buffer.from(`${randomUUID()},`.repeat(LIMIT / 30)).toString('base64'),
    });
    expect(status).toBe(400);
    expect(JSON.stringify(body.invalid_parameters)).toMatch(
      /would take 1\d{5} bytes: zones can be sent at most 100000/,
    );
    await small.synced();
    expect(await small.zone('east').verify(token, 'zone-ingress')).toMatchObject({ reason: 'revoked' });
  });
});

describe('100,000 revoked ids', () => {
  it('reach the zones, and the last of them is refused there', async () => {
    const tokens = await Promise.all([1, 2].map(() => lab.zone('east').issue('zone-ingress', { zone: 'east' })));
    const ids = Array.from({ length: 99_999 }, () => randomUUID());
    await lab.global.revoke('zone-ingress-token-revocations', [...ids, decodeToken(tokens[0] ?? '').jti]);
    await lab.synced();
    for (const name of ['east', 'west']) {
      const verdict = await lab.zone(name).verify(tokens[0] ?? '', 'zone-ingress');
      expect(verdict).toMatchObject({ reason: 'revoked' });
      expect(verdict.steps.at(-1)?.detail).toContain('100000 ids');
      expect(await lab.zone(name).verify(tokens[1] ?? '', 'zone-ingress')).toMatchObject({ accepted: true });
    }
  });
});
