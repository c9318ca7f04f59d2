import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { secretSpec } from '@koguma/auth';
import type { Resource, ResourceKey } from '@koguma/resources';
import {
  INVARIANTS,
  type InvariantName,
  type ReadScenario,
  type RunOptions,
  readScenario,
  runScenario,
} from '@koguma/scenario';
import type { Lab } from '@koguma/testkit';
import { describe, expect, it } from 'vitest';

const FOLDER = fileURLToPath(new URL('../../scenarios/', import.meta.url));
const shipped = readdirSync(FOLDER).filter((file) => file.endsWith('.yaml'));
/** Of the machine, whoever else uses it. */
const ALL_TOGETHER_MS = 30_000;

const stopwatch = () => performance.now();
const read = (file: string): ReadScenario => readScenario(readFileSync(`${FOLDER}${file}`, 'utf8'), file);
const play = (steps: string, options: Partial<RunOptions> = {}, more = '') =>
  runScenario(
    readScenario(
      `name: story\nabout: a fault\ntopology: { zones: [east, west] }\n${more}steps:\n${steps}`,
      'story.yaml',
    ),
    { stopwatch, ...options },
  );

describe('the scenarios that are shipped', () => {
  let worked = 0;

  it('are twelve', () => {
    expect(shipped).toHaveLength(12);
  });

  it.each(shipped)('%s passes', { timeout: 30_000 }, async (file) => {
    const before = process.cpuUsage();
    const { passed, failures } = await runScenario(read(file), { stopwatch });
    const { user, system } = process.cpuUsage(before);
    worked += (user + system) / 1_000;
    expect(failures).toEqual([]);
    expect(passed).toBe(true);
  });

  it(`take less than ${ALL_TOGETHER_MS / 1_000} s of work, all together`, () => {
    process.stdout.write(`twelve scenarios: ${(worked / 1_000).toFixed(1)} s of work\n`);
    expect(worked).toBeLessThan(ALL_TOGETHER_MS);
  });
});

describe('a run', () => {
  it('is the same again with the same seed, and another with another', async () => {
    const trace = async (seed: number) =>
      (await runScenario(read('revoke-during-partition-then-heal.yaml'), { seed, stopwatch })).timeline;
    const [first, again, other] = [await trace(3), await trace(3), await trace(4)];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  }, 30_000);

  it('ends at the first step that fails, and says which and why', async () => {
    const { passed, failures, steps } = await play(
      `  - issue: { at: east, kind: dataplane, as: t1 }
  - expect: { verify: { token: t1, at: west, is: refused, reason: revoked }, within: 30s }
  - fault: { cut: west }
`,
    );
    expect([passed, steps.length]).toEqual([false, 2]);
    expect(failures).toEqual([
      {
        message: 't1 should be refused at west (revoked) within 30s: t1 is accepted at west',
        invariant: undefined,
        line: 6,
        column: 5,
      },
    ]);
  });

  it.each([
    ['a token', '  - revoke: { at: global, token: t9 }\n', 'there is no token called t9: there is none'],
    ['a zone', '  - fault: { cut: north }\n', 'there is no zone called north: there is east, west'],
    ['a proxy', '  - stopProxy: web-9\n', 'there is no proxy called web-9'],
    [
      'a control plane that runs',
      '  - fault: { stop: east }\n  - issue: { at: east, kind: dataplane }\n',
      'east is stopped',
    ],
  ])('fails where it asks for %s that is not there, and says what there is', async (_, steps, why) => {
    expect((await play(steps)).failures[0]?.message).toContain(why);
  });
});

/** What a broken control plane, or one that somebody tampered with, does. */
interface Plant {
  readonly steps: string;
  readonly prepare?: (lab: Lab) => Promise<void>;
  readonly env?: Readonly<Record<string, string>>;
}

const write = async (lab: Lab, zone: string, key: ResourceKey, text: string) => {
  await lab.stores.get(zone)?.transaction(async (tx) => {
    const there = await tx.get<Resource>(key);
    const spec = secretSpec(text);
    if (there) await tx.update({ ...there, spec });
    else await tx.create({ ...key, spec, labels: {}, creationTime: 0, modificationTime: 0 });
  });
};
const globalSecret = (name: string): ResourceKey => ({ type: 'GlobalSecret', mesh: '', name });
const keyOf = async (lab: Lab, name: string) => lab.global.secretText(name);

const REVOKED = `  - issue: { at: global, kind: dataplane, as: t1 }
  - revoke: { at: global, token: t1 }
  - advance: 10s
`;
const CONNECTED = `  - issue: { at: global, kind: dataplane, as: t1 }
  - proxy: { name: web-1, zone: west, token: t1 }
  - expect: { proxy: { name: web-1, is: connected }, within: 10s }
`;

const PLANTS: Readonly<Record<InvariantName, Plant>> = {
  'revoked-not-accepted': {
    steps: REVOKED,
    prepare: async (lab) => {
      const { revocations } = lab.zone('west').served.auth;
      revocations.check = () => ({ revoked: false, list: '', size: 0 });
    },
  },
  'revoked-not-connected': {
    steps: `${CONNECTED}  - revoke: { at: global, token: t1 }\n  - advance: 10s\n`,
    env: { KOGUMA_DP_SERVER_AUTHN_RECHECK: 'perStream' },
  },
  'issued-verifies-everywhere': {
    steps: '  - issue: { at: east, kind: dataplane, as: t1 }\n  - advance: 10s\n',
    prepare: async (lab) => {
      lab.zone('west').served.auth.keys.find = () => [];
    },
  },
  'one-kid-one-key': {
    steps: '  - advance: 10s\n',
    prepare: async (lab) => write(lab, 'west', globalSecret('zone-ingress-token-signing-key-1'), await lab.makeKey()),
  },
  'zone-list-superset': {
    steps: `${REVOKED}  - fault: { skew: { at: east, by: 0s } }\n  - advance: 10s\n`,
    prepare: async (lab) => {
      const key = { type: 'Secret', mesh: 'default', name: 'dataplane-token-revocations-default' } as const;
      lab.clock.watch(async () => {
        const { view } = lab.zone('west').served;
        if (view.get(key)) await write(lab, 'west', key, '');
      });
    },
  },
  'no-private-zone-key-in-zone': {
    steps: '  - advance: 10s\n',
    prepare: async (lab) => {
      const name = 'zone-token-signing-key-1';
      await write(lab, 'west', globalSecret(name), await keyOf(lab, name));
    },
  },
  'user-key-stays-home': {
    steps: '  - advance: 10s\n',
    prepare: async (lab) => {
      const pem = await keyOf(lab, 'user-token-signing-key-1');
      await write(lab, 'west', globalSecret('user-token-signing-key-7'), pem);
    },
  },
  'no-orphan-stream': {
    steps: `${CONNECTED}  - rotate: { at: global, kind: dataplane }
  - deleteKey: { at: global, kind: dataplane, serial: 1 }
  - advance: 10s
`,
    env: { KOGUMA_DP_SERVER_AUTHN_RECHECK: 'perStream' },
  },
  'stale-is-visible': {
    steps: '  - fault: { halfOpen: { zone: west, direction: to-zone } }\n  - advance: 1m\n',
    env: { KOGUMA_MULTIZONE_GLOBAL_KDS_HEARTBEAT_INTERVAL: '1h' },
  },
};

describe('a fault that is planted', () => {
  it.each(INVARIANTS)('breaks %s, and is named', async (invariant) => {
    const { steps, prepare, env } = PLANTS[invariant];
    const sound = await play(steps);
    expect(sound.failures).toEqual([]);
    const { failures, timeline } = await play(steps, {
      ...(prepare && { prepare }),
      ...(env && { lab: { env } }),
    });
    expect(failures.map((failure) => failure.invariant)).toContain(invariant);
    expect(failures.find((failure) => failure.invariant === invariant)?.message).toMatch(
      new RegExp(`^${invariant} does not hold at (west|global): `),
    );
    expect(timeline.some(({ kind, text }) => kind === 'broken' && text.startsWith(invariant))).toBe(true);
  });

  it('that lets no zone issue while it is cut off breaks what must happen at least once', async () => {
    const sometimes = 'sometimes: [issue-while-partitioned]\n';
    const cutOff = `  - fault: { cut: west }\n${CONNECTED.replace('at: global', 'at: west')}`;
    expect((await play(cutOff, {}, sometimes)).failures).toEqual([]);
    const { failures } = await play(CONNECTED, {}, sometimes);
    expect(failures.map((failure) => failure.invariant)).toEqual(['issue-while-partitioned']);
  });

  it('is let pass where a scenario breaks it on purpose', async () => {
    const { steps, env } = PLANTS['no-orphan-stream'];
    const allows = 'allows: [{ invariant: no-orphan-stream, because: it is shown }]\n';
    const { failures, timeline } = await play(steps, { lab: { env: { ...env } } }, allows);
    expect(failures).toEqual([]);
    expect(timeline.find(({ kind }) => kind === 'broken')?.text).toMatch(/^no-orphan-stream \(allowed here\): web-1/);
  });
});
