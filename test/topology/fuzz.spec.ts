import { pinoLog } from '@koguma/core';
import { startWiredLab, type WiredLab } from '@koguma/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiOracle, INBOUND, PROXY } from '../support/api-oracle.js';
import { hostileRequest, send } from '../support/hostile-requests.js';

/** How long one answer may take on a busy machine, and how long one seed may go on. */
const DEADLINE_MS = 5_000;
const TIME_MS = 8_000;
const BATCHES = 250;
const BATCH = 20;
/** Refused with 413 beyond, so that there are bodies that are too large. */
const LARGEST_BODY = 50_000;

let lab: WiredLab;
let oracle: ApiOracle;
const logged: string[] = [];

const nodes = () => [lab.global, lab.zone('east')] as const;

beforeAll(async () => {
  const log = pinoLog('debug', 'lab', { write: (line) => void logged.push(line) });
  lab = await startWiredLab({ zones: ['east'], log, env: { KOGUMA_HTTP_MAX_BODY_SIZE: String(LARGEST_BODY) } });
  const east = lab.zone('east');
  await east.call('PUT', '/meshes/default/dataplanes/web-1', { networking: INBOUND });
  await east.call('PUT', '/zone-ingresses/in-1', PROXY);
  oracle = await ApiOracle.of(...nodes());
});
afterAll(() => lab.stop());

async function attack(seed: number): Promise<number> {
  let requests = 0;
  const batch = fc.array(fc.tuple(hostileRequest(oracle.ingredients), fc.boolean()), {
    minLength: 1,
    maxLength: BATCH,
    size: 'max',
  });
  const property = fc.asyncProperty(batch, async (asked) => {
    const told = await Promise.all(
      asked.map(async ([one, onGlobal]) => {
        const cp = onGlobal ? lab.global : lab.zone('east');
        return oracle.complaints(one, await send(cp.served.ports.api, one, DEADLINE_MS));
      }),
    );
    requests += asked.length;
    expect(told.flat()).toEqual([]);
  });
  await fc.assert(property, { seed, numRuns: BATCHES, interruptAfterTimeLimit: TIME_MS });
  return requests;
}

describe('requests of bad faith', () => {
  it.each([
    ['one that is always the same', 1],
    ['one that is new each time', Date.now() % 2 ** 31],
  ])(
    'are answered, by %s, without a failure of ours and without a secret',
    async (_which, seed) => {
      const requests = await attack(seed);
      console.log(`fuzz with seed ${seed}: ${requests} requests`);
      expect(requests).toBeGreaterThan(BATCH);
    },
    30_000,
  );

  it('leave no secret and no stack in the log, where there is something of them', async () => {
    oracle.addWhatIsStored();
    const text = logged.join('');
    expect(text).toContain('authentication rejected');
    expect(text).not.toContain('request failed');
    expect(oracle.secrets.in(text)).toEqual([]);
  });

  it('leave control planes that work, and are in sync', async () => {
    await lab.synced();
    for (const cp of nodes()) expect((await cp.get('/')).status).toBe(200);
    const token = await lab.zone('east').issue('zone-ingress', { zone: 'east' });
    expect(await lab.global.verify(token, 'zone-ingress')).toMatchObject({ accepted: true });
  });

  it('would be told on: a secret is found however it is wrapped', async () => {
    const [token = ''] = oracle.ingredients.secrets;
    const key = await lab.global.secretText('zone-token-signing-key-1');
    for (const text of [
      token,
      key,
      JSON.stringify(key),
      Buffer.from(key).toString('base64'),
      new Error('x').stack ?? '',
    ]) {
      expect(oracle.secrets.in(`{"a": "x${text}"}`)).not.toEqual([]);
    }
    expect(oracle.secrets.in('{"kid": "1", "jti": "3d2199ef-d297-46b1-8ca7-426f3fa7fe30"}')).toEqual([]);
  });
});
