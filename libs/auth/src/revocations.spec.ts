import { randomUUID } from 'node:crypto';
import { LABEL, MemoryStore } from '@koguma/resources';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claimsOf, controlPlane, globalSecret, listName } from './control-plane.contract.js';
import { canBeListed, notTokenIds, parseRevocations, type Revoked } from './revocations.js';
import { TOKEN_KIND_NAMES } from './token-kinds.js';

const [A, B, C] = [
  '11111111-1111-4111-8111-11111111111a',
  '22222222-2222-4222-8222-22222222222b',
  '33333333-3333-4333-8333-33333333333c',
];

describe('a revocation list', () => {
  it.each<[string, string]>([
    ['commas', `${A},${B},${C}`],
    ['commas and blanks', `${A}, ${B} , ${C}`],
    ['line ends', `${A}\n${B}\n${C}\n`],
    ['line ends of Windows', `${A}\r\n${B}\r\n${C}\r\n`],
    ['line ends of old', `${A}\r${B}\r${C}`],
    ['commas and line ends', `${A},\n${B},\n${C},\n`],
    ['blanks and tabs', `\t${A} ${B}\t\t${C} `],
    ['commas with nothing between', `,,${A},,${B},${C},,,`],
    ['a mark of byte order before it', `\ufeff${A},${B},${C}`],
    ['other white space', `${A}\u00a0${B}\u2028${C}\v\f`],
  ])('may have %s between and around its ids', (_, text) => {
    expect(parseRevocations(text)).toEqual([A, B, C]);
  });

  it.each(['', ' ', ',', '\n', ' ,\r\n, '])('may be empty: %j', (text) => {
    expect(parseRevocations(text)).toEqual([]);
  });

  it('is compared in lower case', () => {
    expect(parseRevocations(`${A.toUpperCase()} Ticket-7`)).toEqual([A, 'ticket-7']);
  });

  it('gives back every id, however the ids were put together', () => {
    const entry = fc.oneof(fc.uuid(), fc.stringMatching(/^[!-+\--~]{1,20}$/));
    const separator = fc.stringMatching(/^[ \t\r\n,]{1,4}$/);
    const edge = fc.stringMatching(/^[ \t\r\n,]{0,3}$/);
    fc.assert(
      fc.property(fc.array(entry), fc.infiniteStream(separator), edge, edge, (ids, separators, before, after) => {
        const list = ids.reduce((text, id) => (text === '' ? id : `${text}${separators.next().value}${id}`), '');
        expect(parseRevocations(before + list + after)).toEqual(ids.map((id) => id.toLowerCase()));
      }),
    );
  });

  it('is the same list when it is read, written and read again', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const ids = parseRevocations(text);
        expect(parseRevocations(ids.join('\n'))).toEqual(ids);
        expect(ids.filter((id) => !canBeListed(id))).toEqual([]);
      }),
    );
  });

  it('may hold an id exactly when the id is one entry', () => {
    const id = fc.oneof(fc.uuid(), fc.string(), fc.stringMatching(/^[a-zA-Z, \n-]{0,6}$/));
    fc.assert(
      fc.property(id, (jti) => {
        expect(canBeListed(jti)).toBe(
          parseRevocations(`a,${jti},b`).length === 3 && parseRevocations(jti)[0] === jti.toLowerCase(),
        );
      }),
    );
  });

  it('may hold entries that are the id of no token of ours', () => {
    const strange = ['ticket-7', A.slice(1), `${A}0`, `{${A}}`, A.replaceAll('-', ''), 'g'.repeat(36)];
    expect(notTokenIds([A, ...strange, B.toUpperCase()])).toEqual(strange);
  });
});

describe('revoking', () => {
  it.each(TOKEN_KIND_NAMES)('ends a %s token by its id, from the answer to the write on', async (kind) => {
    const cp = await controlPlane();
    await cp.start();
    await cp.createMesh('default');
    const [token, other] = [await cp.issue(kind), await cp.issue(kind)];
    await cp.put(listName(kind), `${B}\r\n${String(claimsOf(token).jti).toUpperCase()}\r\n`);
    expect(await cp.verify(token, kind)).toMatchObject({ accepted: false, reason: 'revoked' });
    expect(await cp.verify(other, kind)).toMatchObject({ accepted: true });
  });

  it('ends with the id leaving the list, or the list leaving', async () => {
    const cp = await controlPlane();
    await cp.start();
    const token = await cp.issue('user');
    const id = String(claimsOf(token).jti);
    const revoked = async () => !(await cp.verify(token, 'user')).accepted;
    await cp.put(listName('user'), `${A},${id}`);
    expect(await revoked()).toBe(true);
    await cp.put(listName('user'), A);
    expect(await revoked()).toBe(false);
    await cp.put(listName('user'), id);
    expect(await revoked()).toBe(true);
    await cp.manager.put(listName('user'), {});
    expect(await revoked()).toBe(false);
    await cp.put(listName('user'), id);
    await cp.manager.delete(listName('user'));
    expect(await revoked()).toBe(false);
  });

  it('goes by the list as it is, whatever is written to it in whatever order', async () => {
    const cp = await controlPlane();
    const ids = fc.uniqueArray(fc.uuid(), { minLength: 3, maxLength: 8 });
    const pick = fc.array(fc.nat(7), { maxLength: 8 });
    const noise = fc.array(fc.constantFrom('ticket-7', '', ' ', '\r'), { maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(ids, fc.array(fc.tuple(pick, noise), { minLength: 1, maxLength: 4 }), async (all, writes) => {
        for (const [chosen, strange] of writes) {
          const listed = chosen.flatMap((index) => all[index] ?? []);
          await cp.put(listName('user'), [...listed.map((id) => id.toUpperCase()), ...strange].join(','));
          const revoked = all.filter((id) => cp.auth.revocations.check('user', '', id).revoked);
          expect(revoked).toEqual(all.filter((id) => listed.includes(id)));
        }
      }),
    );
  });

  it('goes by kind: a list of users says nothing of zones', async () => {
    const cp = await controlPlane();
    await cp.start();
    const token = await cp.issue('zone');
    const id = String(claimsOf(token).jti);
    await cp.put(listName('user'), id);
    await cp.put(listName('zone-ingress'), id);
    expect(await cp.verify(token, 'zone')).toMatchObject({ accepted: true });
  });

  it('goes by mesh: the list of mesh a says nothing of mesh b', async () => {
    const cp = await controlPlane();
    for (const mesh of ['a', 'b']) await cp.createMesh(mesh);
    const token = await cp.issue('dataplane', { mesh: 'b' });
    const id = String(claimsOf(token).jti);
    await cp.put(listName('dataplane', 'a'), id);
    await cp.put({ ...listName('dataplane', 'b'), mesh: 'a' }, id);
    await cp.put(globalSecret('dataplane-token-revocations-a'), id);
    expect(await cp.verify(token, 'dataplane', 'b')).toMatchObject({ accepted: true });
    await cp.put(listName('dataplane', 'b'), id);
    expect(await cp.verify(token, 'dataplane', 'b')).toMatchObject({ reason: 'revoked' });
  });

  it('of proxies works in the Secret of the mesh and in the GlobalSecret of the same name', async () => {
    const cp = await controlPlane();
    await cp.createMesh('default');
    const [one, two] = [await cp.issue('dataplane'), await cp.issue('dataplane')];
    const [inMesh, global] = [listName('dataplane'), globalSecret('dataplane-token-revocations-default')];
    await cp.put(inMesh, String(claimsOf(one).jti));
    await cp.put(global, String(claimsOf(two).jti));
    const reasons = async () => [
      (await cp.verify(one, 'dataplane')).reason,
      (await cp.verify(two, 'dataplane')).reason,
    ];
    expect(await reasons()).toEqual(['revoked', 'revoked']);
    expect(cp.auth.revocations.check('dataplane', 'default', undefined)).toMatchObject({ size: 2, list: inMesh.name });
    await cp.manager.delete(inMesh);
    expect(await reasons()).toEqual([undefined, 'revoked']);
    await cp.manager.delete(global);
    expect(await reasons()).toEqual([undefined, undefined]);
  });

  it('cannot be done in a Secret of a mesh for kinds that have none', async () => {
    const cp = await controlPlane();
    await cp.start();
    await cp.createMesh('default');
    const token = await cp.issue('user');
    await cp.put({ type: 'Secret', mesh: 'default', name: 'user-token-revocations' }, String(claimsOf(token).jti));
    expect(await cp.verify(token, 'user')).toMatchObject({ accepted: true });
  });

  it('ends with the mesh, whose lists leave with it', async () => {
    const cp = await controlPlane();
    await cp.createMesh('default');
    await cp.put(listName('dataplane'), A);
    await cp.manager.delete({ type: 'Mesh', mesh: '', name: 'default' });
    expect(cp.auth.revocations.check('dataplane', 'default', A)).toMatchObject({ revoked: false, size: 0 });
  });

  it('goes by the lists that there are, when the store tells all from the beginning', async () => {
    const cp = await controlPlane({ store: new MemoryStore('short memory', { logLimit: 1 }) });
    for (const kind of ['user', 'zone'] as const) await cp.put(listName(kind), A);
    await cp.manager.system(async (tx) => {
      for (const kind of ['user', 'zone'] as const) await tx.delete(listName(kind));
    });
    expect(cp.auth.revocations.check('user', '', A)).toMatchObject({ revoked: false, size: 0 });
  });

  it('is known from the start on', async () => {
    const before = await controlPlane();
    await before.put(listName('user'), A);
    const after = await controlPlane({ store: before.store });
    expect(after.auth.revocations.check('user', '', A)).toMatchObject({ revoked: true, size: 1 });
  });

  it('takes a list that a peer brought, whatever its labels', async () => {
    const cp = await controlPlane({ federated: true });
    await cp.arrive(listName('zone'), A, { [LABEL.origin]: 'global' });
    expect(cp.auth.revocations.check('zone', '', A).revoked).toBe(true);
    await cp.leave(listName('zone'));
    expect(cp.auth.revocations.check('zone', '', A).revoked).toBe(false);
  });

  it('is told with the ids that are new on a list, and with the mesh that it is for, wherever the list is kept', async () => {
    const cp = await controlPlane();
    await cp.createMesh('payments');
    await cp.put(listName('user'), A);
    const told: Revoked[] = [];
    cp.auth.revocations.onRevoked((revoked) => told.push(revoked));
    await cp.put(listName('user'), `${B},${A}`);
    await cp.put(listName('user'), B);
    await cp.put(listName('dataplane', 'payments'), A);
    await cp.put(globalSecret('dataplane-token-revocations-payments'), C.toUpperCase());
    await cp.manager.delete(listName('user'));
    expect(told).toEqual([
      { kind: 'user', mesh: '', ids: [B] },
      { kind: 'dataplane', mesh: 'payments', ids: [A] },
      { kind: 'dataplane', mesh: 'payments', ids: [C] },
    ]);
  });

  it('holds a hundred thousand ids, each once', async () => {
    const cp = await controlPlane();
    const ids = Array.from({ length: 100_000 }, () => randomUUID());
    await cp.put(listName('user'), [...ids, ...ids.slice(0, 1_000)].join('\n'));
    const check = (id: string) => cp.auth.revocations.check('user', '', id);
    expect(check(ids[0] ?? '')).toEqual({ revoked: true, list: 'user-token-revocations', size: 100_000 });
    expect(ids.filter((id) => !check(id).revoked)).toEqual([]);
    expect(ids.slice(0, 1_000).filter((id) => check(id.replace('-4', '-5')).revoked)).toEqual([]);
  });

  it('needs an id: a token without one is on no list, not even on one with an empty entry', async () => {
    const cp = await controlPlane();
    await cp.put(listName('user'), `,,${A},`);
    expect(cp.auth.revocations.check('user', '', undefined)).toMatchObject({ revoked: false, size: 1 });
    expect(cp.auth.revocations.check('user', '', '')).toMatchObject({ revoked: false });
  });
});
