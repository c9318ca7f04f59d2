import { LABEL, MemoryStore } from '@koguma/resources';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { controlPlane, globalSecret, keyName, NOW, NOW_SECONDS, signed } from './control-plane.contract.js';
import { KEY, OTHER_KEY } from './keys.contract.js';
import { secretRole } from './secrets.js';

const HEADER = { alg: 'RS256', kid: '1' };
const CLAIMS = { Name: 'john', exp: NOW_SECONDS + 60, jti: 'a' };
const PUBLIC = globalSecret('zone-token-signing-public-key-1');

describe('the keys kept as secrets', () => {
  it('are known by kind, mesh and kid, with where they were found', async () => {
    const cp = await controlPlane();
    await cp.start();
    await cp.createMesh('default');
    const [found] = cp.auth.keys.find('dataplane', 'default', '1');
    expect(found).toMatchObject({ kid: '1', foundIn: 'Secret "dataplane-token-signing-key-default-1"' });
    expect(cp.auth.keys.find('dataplane', 'payments', '1')).toEqual([]);
    expect(cp.auth.keys.find('user', '', '2')).toEqual([]);
  });

  it('are listed by rising serial, with their phase and when they were made', async () => {
    const cp = await controlPlane();
    await cp.put(keyName('user', 10), KEY.pem, { [LABEL.phase]: 'prepared' });
    cp.clock.skew(5_000);
    await cp.put(keyName('user', 9), OTHER_KEY.pem, { [LABEL.phase]: 'anything else' });
    expect(cp.auth.keys.list('user', '')).toMatchObject([
      { serial: 9, kid: '9', kind: 'user', mesh: '', phase: 'active', creationTime: NOW + 5_000 },
      { serial: 10, kid: '10', kind: 'user', mesh: '', phase: 'prepared', creationTime: NOW },
    ]);
  });

  it('sign by the highest serial as a number, whatever serials there are and in whatever order they came', async () => {
    const serial = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(serial, { minLength: 1, maxLength: 6 }), fc.nat(5), async (serials, gone) => {
        const cp = await controlPlane();
        for (const one of serials) await cp.arrive(keyName('user', one), KEY.pem);
        expect(cp.auth.keys.list('user', '').map((key) => key.serial)).toEqual([...serials].sort((a, b) => a - b));
        expect(cp.auth.keys.latest('user', '')?.serial).toBe(Math.max(...serials));
        const left = serials.filter((_, index) => index !== gone);
        if (gone < serials.length) await cp.leave(keyName('user', serials[gone] ?? 0));
        expect(cp.auth.keys.latest('user', '')?.serial).toBe(left.length === 0 ? undefined : Math.max(...left));
      }),
      { numRuns: 40 },
    );
  });

  it('have a serial that is written one way only: every other spelling is no key, and is not taken', async () => {
    const cp = await controlPlane();
    const digits = fc.stringMatching(/^-?0{0,2}[0-9]{1,20}$/);
    const suffix = fc.oneof(
      digits,
      fc.stringMatching(/^-?[0-9a-z.]{0,8}$/),
      fc.nat().map((n) => `-${n}`),
    );
    await fc.assert(
      fc.asyncProperty(suffix, async (text) => {
        const key = globalSecret(`zone-token-signing-key${text}`);
        const number = /^-[1-9]\d*$/.test(text) && Number.isSafeInteger(Number(text)) ? -Number(text) : undefined;
        const role = secretRole(key);
        expect(role.role === 'signing-key' ? role.serial : undefined).toBe(number);
        if (role.role !== 'signing-key') return;
        const put = cp.put(key, KEY.pem, {}).then(
          () => 'taken',
          (error: { violations?: readonly { field: string }[] }) => error.violations?.[0]?.field,
        );
        expect(await put).toBe(number === undefined ? 'name' : 'taken');
      }),
    );
  });

  it.each(['01', '1.0', ' 1', '1e0', '+1', 'NaN', ''])('do not go by the kid %j', async (kid) => {
    const cp = await controlPlane();
    await cp.put(keyName('user'), KEY.pem);
    expect(cp.auth.keys.find('user', '', kid)).toEqual([]);
  });

  it('are the same for every mesh where the kind knows none', async () => {
    const cp = await controlPlane();
    await cp.put(keyName('user'), KEY.pem);
    expect(cp.auth.keys.find('user', 'any-mesh', '1')).toHaveLength(1);
  });

  it('follow what happens to the secrets: replaced, gone, back', async () => {
    const cp = await controlPlane();
    const thumbprints = () => cp.auth.keys.list('user', '').map(({ key }) => key.thumbprint);
    await cp.put(keyName('user'), KEY.pem);
    await cp.put(keyName('user'), OTHER_KEY.pem);
    expect(thumbprints()).toEqual([OTHER_KEY.thumbprint]);
    await cp.manager.delete(keyName('user'));
    expect([thumbprints(), cp.auth.keys.latest('user', '')]).toEqual([[], undefined]);
    await cp.put(keyName('user'), KEY.pem);
    expect(thumbprints()).toEqual([KEY.thumbprint]);
  });

  it('are told of when they come, are replaced and go, after they count', async () => {
    const cp = await controlPlane();
    const told: unknown[] = [];
    cp.auth.keys.onMoved(({ kind, mesh, kid }) => told.push([kid, cp.auth.keys.find(kind, mesh, kid).length]));
    await cp.put(keyName('user', 7), KEY.pem);
    await cp.put(keyName('user', 7), OTHER_KEY.pem);
    await cp.manager.delete(keyName('user', 7));
    await cp.put(globalSecret('something-else'), 'x');
    expect(told).toEqual([
      ['7', 1],
      ['7', 1],
      ['7', 0],
    ]);
  });

  it('leave with their mesh', async () => {
    const cp = await controlPlane();
    await cp.createMesh('default');
    await cp.manager.delete({ type: 'Mesh', mesh: '', name: 'default' });
    expect(cp.auth.keys.list('dataplane', 'default')).toEqual([]);
  });

  it('lose one that becomes unreadable, and the others go on', async () => {
    const cp = await controlPlane();
    await cp.put(keyName('user', 1), KEY.pem);
    await cp.put(keyName('user', 2), OTHER_KEY.pem);
    await cp.arrive(keyName('user', 2), `${OTHER_KEY.pem.slice(0, 100)}…`);
    expect(cp.auth.keys.latest('user', '')).toMatchObject({ serial: 1 });
    const line = cp.logged.find(({ level }) => level === 'error');
    expect(line).toMatchObject({ name: 'user-token-signing-key-2' });
    expect(JSON.stringify(cp.logged)).not.toContain(OTHER_KEY.pem.slice(60, 90));
  });

  it('of zones are private halves on global, which does not read the public ones', async () => {
    const cp = await controlPlane();
    await cp.arrive(PUBLIC, KEY.publicPem);
    expect(cp.auth.keys.list('zone', '')).toEqual([]);
    await cp.arrive(keyName('zone'), OTHER_KEY.pem);
    expect(cp.auth.keys.find('zone', '', '1')).toMatchObject([{ key: { thumbprint: OTHER_KEY.thumbprint } }]);
  });

  it('of zones are public halves on a zone, which trusts no private one', async () => {
    const cp = await controlPlane({ federated: true });
    await cp.arrive(keyName('zone'), OTHER_KEY.pem);
    expect(cp.auth.keys.list('zone', '')).toEqual([]);
    await cp.arrive(PUBLIC, KEY.publicPem);
    expect(cp.auth.keys.find('zone', '', '1')).toMatchObject([
      { key: { thumbprint: KEY.thumbprint, isPrivate: false } },
    ]);
    expect(cp.auth.keys.latest('zone', '')).toBeUndefined();
    const token = signed(HEADER, { Zone: 'east', Scope: ['cp'], exp: NOW_SECONDS + 60 });
    expect(await cp.verify(token, 'zone')).toMatchObject({ accepted: true, identity: { Zone: 'east', Scope: ['cp'] } });
  });

  it('that are prepared verify, and do not sign', async () => {
    const cp = await controlPlane();
    await cp.put(keyName('user'), KEY.pem, { [LABEL.phase]: 'prepared' });
    expect(cp.auth.keys.latest('user', '')).toBeUndefined();
    expect(await cp.verify(signed(HEADER, CLAIMS), 'user')).toMatchObject({ accepted: true });
  });

  it('are those that there are, when the store tells all from the beginning', async () => {
    const cp = await controlPlane({ store: new MemoryStore('short memory', { logLimit: 1 }) });
    await cp.put(keyName('user', 1), KEY.pem);
    await cp.put(keyName('user', 2), OTHER_KEY.pem);
    await cp.manager.system(async (tx) => {
      for (const serial of [1, 2]) await tx.delete(keyName('user', serial));
    });
    expect(cp.auth.keys.list('user', '')).toEqual([]);
  });

  it('are known from the start on', async () => {
    const before = await controlPlane();
    await before.start();
    const after = await controlPlane({ store: before.store });
    expect(await after.verify(await before.issue('user'), 'user')).toMatchObject({ accepted: true });
  });
});
