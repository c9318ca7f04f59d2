import { median, quantile, row } from '../figures.mjs';
import { Place } from '../place.mjs';

/** Ids of 36 characters and a comma: 4,070 bytes. */
const LIST_LENGTH = 110;
const MEMORY_GOAL_KB = 300;
/** Before, memory is that of the start. */
const AT_REST_MS = 45_000;
/** What a process holds differs from run to run by more than fewer zones need. */
const SHARED_BY = 50;

/**
 * One global and many zones: what a change costs, how long it takes, and how all come back when global was gone.
 * @param restingBytes memory of a global without them
 * @param plan { count, changes, settleMs, idleMs }: CPU is that of `idleMs`, after the `settleMs` in which what follows a start ends
 */
export async function scale({ plan, echo, restingBytes, progress }) {
  const measured = [];
  for (const _ of progress.rounds(plan)) measured.push(await oneRound(plan));
  return sectionOf(plan, measured, { echo, restingBytes });
}

async function oneRound({ count, changes, settleMs, idleMs }) {
  const place = await Place.open();
  const started = await place.gather(count);
  const idle = await place.used(settleMs);
  const rested = await place.used(idleMs);
  let before = rested; // of the changes that count
  const taken = [];
  let ids = Array.from({ length: LIST_LENGTH }, () => crypto.randomUUID());
  // The first change finds everything cold, and is for all others what a warm-up is.
  for (let n = 0; n <= changes; n++) {
    const { token, id } = await place.issue();
    ids = [...ids.slice(1), id];
    const taking = await place.revoke({ ids, token });
    if (n > 0) taken.push(taking);
    else before = await place.used();
  }
  const after = await place.used(0);
  const [resumed, anew] = [await place.reconnect(true), await place.reconnect(false)];
  await place.close();
  return {
    started,
    idle: (1000 * (rested.cpu - idle.cpu)) / ((rested.at - idle.at) / 1000),
    all: taken.flatMap(({ all }) => all),
    refused: taken.map(({ refused }) => refused),
    cpu: (1e6 * (after.cpu - before.cpu)) / changes / count,
    bytes: (after.read - before.read) / 1000 / changes / count,
    rss: rested.rss,
    resumed: { seconds: resumed.seconds, bytes: resumed.bytes / 1000 / count },
    anew: { seconds: anew.seconds, bytes: anew.bytes / 1000 / count },
  };
}

function sectionOf({ count, changes, settleMs, idleMs }, measured, { echo, restingBytes }) {
  const restMs = settleMs + idleMs;
  const times = count <= 2 ? 50 : 1_000;
  const goal = { text: `${times} ms`, holds: (value) => value <= times };
  const memory = { text: `${MEMORY_GOAL_KB} KB`, holds: (value) => value <= MEMORY_GOAL_KB };
  const each = (of) => measured.map(of);
  const together = measured.flatMap(({ all }) => all);
  return {
    title: `${count} ${count === 1 ? 'zone' : 'zones'}, idle for ${restMs / 1_000} s, then lists of 4 KB, ${changes} changes in each round`,
    at: { zones: count },
    rows: [
      row({ name: 'all zones started and in sync', unit: 's', samples: each(({ started }) => started) }),
      row({
        name: 'PUT on global to applied, of all zones, median',
        unit: 'ms',
        samples: each(({ all }) => median(all)),
        value: median(together),
        limit: echo,
      }),
      row({
        name: 'PUT on global to applied, of all zones, p99',
        unit: 'ms',
        samples: each(({ all }) => quantile(all, 0.99)),
        value: quantile(together, 0.99),
        goal,
      }),
      row({
        name: 'PUT on global to refused in the last zone',
        unit: 'ms',
        samples: each(({ refused }) => median(refused)),
      }),
      row({ name: 'CPU of global in 1 s, all idle', unit: 'ms', samples: each(({ idle }) => idle) }),
      row({ name: 'CPU of global for a change and zone', unit: 'µs', samples: each(({ cpu }) => cpu) }),
      row({ name: 'bytes from global for a change and zone', unit: 'KB', samples: each(({ bytes }) => bytes) }),
      row({ name: 'memory of global, all idle', unit: 'MB', samples: each(({ rss }) => rss / 1e6) }),
      ...(count < SHARED_BY
        ? []
        : [
            row({
              name: 'memory of global for an idle zone',
              unit: 'KB',
              samples: each(({ rss }) => (rss - restingBytes) / 1000 / count),
              goal: restMs >= AT_REST_MS ? memory : undefined,
            }),
          ]),
      row({
        name: 'global was killed: all in sync again',
        unit: 's',
        samples: each(({ resumed }) => resumed.seconds),
      }),
      row({ name: 'the same without resume', unit: 's', samples: each(({ anew }) => anew.seconds) }),
      row({ name: 'bytes to a zone that comes back', unit: 'KB', samples: each(({ resumed }) => resumed.bytes) }),
      row({ name: 'bytes to it without resume', unit: 'KB', samples: each(({ anew }) => anew.bytes) }),
    ],
  };
}
