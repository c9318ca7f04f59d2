import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SILENT, systemEntropy } from '@koguma/core';
import { openSqliteStore } from '@koguma/resources';
import { startWiredLab } from '@koguma/testkit';
import { row } from '../figures.mjs';
import { folder } from '../processes.mjs';

const QUIET_MS = 1_000;

/** What control planes do while nobody asks for anything: real processes for CPU, a lab in this one for store reads. */
export async function idle({ lab, ms }) {
  const uses = new Map();
  const counted = await startWiredLab({
    zones: ['east'],
    env: { KUMA_MULTIZONE_GLOBAL_KDS_ZONE_INSIGHT_FLUSH_INTERVAL: '100ms' },
    openStore: async (name) => {
      const file = path.join(folder, `counted-${name}.db`);
      return counting(await openSqliteStore({ file, entropy: systemEntropy, log: SILENT }), () =>
        uses.set(name, (uses.get(name) ?? 0) + 1),
      );
    },
  });
  const startUp = await settled(uses);
  const cpuBefore = await Promise.all(lab.all.map((controlPlane) => controlPlane.cpuSeconds()));
  await sleep(ms);
  const cpu = await Promise.all(lab.all.map(async (each, index) => (await each.cpuSeconds()) - cpuBefore[index]));
  const none = { text: 'none', holds: (value) => value === 0 };
  const reads = [...uses].map(([name, now]) =>
    row({ name: `store reads and writes of ${name}`, unit: 'times', samples: [now - startUp.get(name)], goal: none }),
  );
  await counted.stop();
  const seconds = lab.all.map(({ name }, index) =>
    row({ name: `CPU of ${name}`, unit: 'ms', samples: [cpu[index] * 1000] }),
  );
  return { title: `Idle for ${ms / 1000} s, linked and in sync`, rows: [...reads, ...seconds] };
}

/** The same store, telling of each use: get, list, since and transaction. */
function counting(store, used) {
  return new Proxy(store, {
    get(target, name) {
      const member = Reflect.get(target, name, target);
      if (!['get', 'list', 'since', 'transaction'].includes(name)) {
        return typeof member === 'function' ? member.bind(target) : member;
      }
      return (...args) => {
        used();
        return member.apply(target, args);
      };
    },
  });
}

/** Waits until what follows a start is over. @returns the uses until then */
async function settled(uses) {
  for (;;) {
    const before = new Map(uses);
    await sleep(QUIET_MS);
    if ([...uses].every(([name, count]) => before.get(name) === count)) return before;
  }
}
