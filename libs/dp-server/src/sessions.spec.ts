import { describe, expect, it } from 'vitest';
import { nextTurn } from './adapters/next-turn.js';
import { type Session, Sessions, STANDS_ON } from './sessions.js';
import { NOW, until, type ZoneUnderTest, zoneUnderTest } from './zone-under-test.contract.js';

const [A, B] = ['11111111-1111-4111-8111-11111111111a', '22222222-2222-4222-8222-22222222222b'];
const MESH_KEY = 'dataplane-token-signing-key-default';

/** Sessions that only note when they are asked again. */
function noted(zone: ZoneUnderTest, later = nextTurn) {
  const { view, auth, clock } = zone;
  const sessions = new Sessions({ view, auth, clock, later });
  const asked: string[] = [];
  const add = (name: string, standsOn: readonly string[], expiresAt?: number) => {
    const session: Session = { standsOn, expiresAt, recheck: () => void asked.push(name) };
    return sessions.add(session);
  };
  /** What was asked since the last time. */
  const since = () => asked.splice(0).sort();
  return { sessions, add, since };
}

const onKey = (kid: string) => STANDS_ON.key({ kind: 'dataplane', mesh: 'default', kid });
const onToken = (jti: string) => STANDS_ON.token('dataplane', 'default', jti);

describe('an open stream', () => {
  it('is asked again when its key goes or is replaced, and no other stream is', async () => {
    const zone = await zoneUnderTest();
    const { add, since } = noted(zone);
    add('one', [onKey('1')]);
    add('two', [onKey('2')]);
    add('other mesh', [STANDS_ON.key({ kind: 'dataplane', mesh: 'other', kid: '1' })]);
    const { pem } = zone.auth.keys.latest('dataplane', 'default')?.key ?? { pem: '' };
    await zone.putSecret(`${MESH_KEY}-2`, pem, 'default');
    expect(since()).toEqual(['two']);
    await zone.manager.delete({ type: 'Secret', mesh: 'default', name: `${MESH_KEY}-1` });
    expect(since()).toEqual(['one']);
  });

  it('is asked again when its token is revoked, in either list, however it is spelt', async () => {
    const zone = await zoneUnderTest();
    const { add, since } = noted(zone);
    add('a', [onToken(A)]);
    add('b', [onToken(B.toUpperCase())]);
    await zone.putSecret('dataplane-token-revocations-default', A.toUpperCase(), 'default');
    expect(since()).toEqual(['a']);
    await zone.putSecret('dataplane-token-revocations-default', B);
    expect(since()).toEqual(['b']);
  });

  it('is asked again when what is stored of its proxy changes, or its mesh', async () => {
    const zone = await zoneUnderTest();
    const { add, since } = noted(zone);
    const key = { type: 'Dataplane', mesh: 'default', name: 'web-1' } as const;
    add('proxy', [STANDS_ON.resource(key)]);
    add('mesh', [STANDS_ON.resource({ type: 'Mesh', mesh: '', name: 'default' })]);
    await zone.putDataplane('web-1', { networking: { address: '10.0.0.1' } });
    expect(since()).toEqual(['proxy']);
    await zone.manager.delete({ type: 'Mesh', mesh: '', name: 'default' });
    expect(since()).toEqual(['mesh', 'proxy']);
  });

  it('is asked again when its time is over, also when the clock jumps there', async () => {
    const zone = await zoneUnderTest();
    const { add, since } = noted(zone);
    add('soon', [], NOW + 1_000);
    add('late', [], NOW + 3_600_000);
    zone.pass(999);
    expect(since()).toEqual([]);
    zone.pass(1);
    expect(since()).toEqual(['soon']);
    zone.clock.skew(3_600_000);
    zone.pass(0);
    expect(since()).toEqual(['late']);
  });

  it('is asked no more once it is removed, and leaves nothing behind', async () => {
    const zone = await zoneUnderTest();
    const { sessions, add, since } = noted(zone);
    const remove = add('gone', [onToken(A), onKey('1')], NOW + 1_000);
    expect(sessions.size).toBe(1);
    remove();
    await zone.putSecret('dataplane-token-revocations-default', A);
    zone.pass(2_000);
    expect([since(), sessions.size, zone.clock.next()]).toEqual([[], 0, undefined]);
  });

  it('is asked together with thousands of others without holding up what else there is to do', async () => {
    const zone = await zoneUnderTest();
    const waiting: (() => void)[] = [];
    const { add, since } = noted(zone, (run) => waiting.push(run));
    for (let count = 0; count < 1_000; count++) add('all', [onKey('1')]);
    await zone.manager.delete({ type: 'Secret', mesh: 'default', name: `${MESH_KEY}-1` });
    const slices: number[] = [];
    for (let run = waiting.shift(); run; run = waiting.shift()) {
      slices.push(since().length);
      run();
    }
    slices.push(since().length);
    expect(slices).toEqual([500, 500]);
  });

  it('is asked again when the view begins anew', async () => {
    const zone = await zoneUnderTest();
    const { add, since } = noted(zone);
    add('one', [onKey('1')]);
    await zone.view.load();
    await until(() => true);
    expect(since()).toEqual(['one']);
  });
});
