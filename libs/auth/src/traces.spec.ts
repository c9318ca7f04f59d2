import { randomUUID } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { claimsOf, controlPlane, keyName, listName } from './control-plane.contract.js';
import { KEY, OTHER_KEY } from './keys.contract.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes, without garbage. */
function heapInUse(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

async function started() {
  const cp = await controlPlane();
  await cp.start();
  const token = await cp.issue('zone-ingress');
  const jti = claimsOf(token).jti as string;
  const trace = (of: string, id: string) => cp.auth.traces.list().find((one) => one.of === of && one.id === id);
  const name = { kind: 'zone-ingress', mesh: '', kid: '1', jti } as const;
  return { cp, token, jti, trace, name };
}

describe('what came of a revocation', () => {
  it('is since when it counts, and when a token was first refused because of it', async () => {
    const { cp, token, jti, trace } = await started();
    cp.clock.moveTo(10);
    await cp.put(listName('zone-ingress'), jti.toUpperCase());
    expect(trace('revocation', jti)).toMatchObject({ applied: 10, firstRefusal: undefined, closed: 0 });
    cp.clock.moveTo(30);
    await cp.verify(token, 'zone-ingress');
    cp.clock.moveTo(50);
    await cp.verify(token, 'zone-ingress');
    expect(trace('revocation', jti)).toMatchObject({ applied: 10, firstRefusal: 30 });
  });

  it('is no trace of the key that signed the token', async () => {
    const { cp, token, jti, trace, name } = await started();
    await cp.put(listName('zone-ingress'), jti);
    await cp.verify(token, 'zone-ingress');
    cp.auth.traces.closed(name);
    expect(trace('revocation', jti)).toMatchObject({ closed: 1 });
    expect(trace('key', '1')).toMatchObject({ firstRefusal: undefined, closed: 0 });
  });

  it('counts the streams that were ended, and knows the last', async () => {
    const { cp, token, jti, trace, name } = await started();
    await cp.put(listName('zone-ingress'), jti);
    await cp.verify(token, 'zone-ingress');
    for (const at of [60, 90]) {
      cp.clock.moveTo(at);
      cp.auth.traces.closed(name);
    }
    expect(trace('revocation', jti)).toMatchObject({ closed: 2, lastClosed: 90 });
  });

  it('is kept of the latest 200 alone', async () => {
    const { cp } = await started();
    const ids = Array.from({ length: 1_000 }, (_, n) => `id-${n}`);
    await cp.put(listName('zone-ingress'), ids.join(','));
    const kept = cp.auth.traces.list();
    expect([kept.length, kept[0]?.id, kept.at(-1)?.id]).toEqual([200, 'id-800', 'id-999']);
  });
});

describe('what is remembered of a revocation', () => {
  it('is its id, and not the long list that it came in', async () => {
    const { cp } = await started();
    const others = Array.from({ length: 10_000 }, () => randomUUID());
    const revoke = (ids: readonly string[]) => cp.put(listName('zone-ingress'), [...others, ...ids].join(','));
    await revoke([]);
    const before = heapInUse();
    for (let n = 0; n < 40; n++) await revoke([randomUUID()]);
    const lists = (heapInUse() - before) / Buffer.byteLength(others.join(','));
    expect(lists).toBeLessThan(10);
  });
});

describe('what came of a key', () => {
  it('begins anew when it is deleted, and is what its tokens are refused for', async () => {
    const { cp, trace } = await started();
    await cp.put(keyName('zone-ingress', 2), OTHER_KEY.pem);
    const token = await cp.issue('zone-ingress');
    cp.clock.moveTo(20);
    await cp.leave(keyName('zone-ingress', 2));
    expect(trace('key', '2')).toMatchObject({ applied: 20, firstRefusal: undefined });
    cp.clock.moveTo(25);
    await cp.verify(token, 'zone-ingress');
    expect(trace('key', '2')).toMatchObject({ firstRefusal: 25 });
    await cp.put(keyName('zone-ingress', 2), KEY.pem);
    expect(trace('key', '2')).toMatchObject({ applied: 25, firstRefusal: undefined });
  });
});
