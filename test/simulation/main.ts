import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { PLANTS, type PlantName } from './plants.js';
import { planOf, shrink, simulate } from './play.js';

/** What a worker tells of one seed. */
interface Told {
  readonly seed: number;
  readonly events: number;
  readonly checks: number;
  readonly issuedWhileCut: number;
  readonly failure: string | undefined;
}

const USAGE = `Plays seeds: random events on real control planes in virtual time, and what must hold after each.

  npm run simulate -- --seeds 1000            so many seeds, from 1 on
  npm run simulate -- --seeds 1000 --from 500
  npm run simulate -- --seed 42               one seed, with its events
  npm run simulate -- --seed 42 --only 3,17   a part of its events, as a failure tells
  npm run simulate -- --seeds 1000 --plant ${Object.keys(PLANTS)[0]}
                                              with a fault in it: ${Object.keys(PLANTS).join(', ')}
`;

class Misuse extends Error {}

function options() {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string' },
      from: { type: 'string' },
      seed: { type: 'string' },
      only: { type: 'string' },
      plant: { type: 'string' },
      worker: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.plant !== undefined && !Object.hasOwn(PLANTS, values.plant))
    throw new Misuse(`--plant ${values.plant} is not known: there are ${Object.keys(PLANTS).join(', ')}`);
  return {
    seeds: whole('seeds', values.seeds ?? '500'),
    from: whole('from', values.from ?? '1'),
    seed: values.seed === undefined ? undefined : whole('seed', values.seed),
    only: values.only?.split(',').map((number) => whole('only', number)),
    plant: values.plant as PlantName | undefined,
    worker: values.worker === undefined ? undefined : whole('worker', values.worker),
    help: values.help ?? false,
  };
}

function whole(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Misuse(`--${name} ${text} is not a whole number`);
  return Number(text);
}

type Options = ReturnType<typeof options>;

/** One seed after another, each told to the parent; the parent takes no more seeds than it needs. */
async function work({ from, seeds, plant, worker = 0 }: Options): Promise<void> {
  for (let seed = from + worker; seed < from + seeds; seed += availableParallelism()) {
    const { events, checks, issuedWhileCut, failure } = await simulate(seed, { plant: plant && PLANTS[plant] });
    await new Promise((resolve) => process.send?.({ seed, events, checks, issuedWhileCut, failure }, resolve));
  }
}

/** Many seeds on all cores. @returns the first that failed */
async function playMany(given: Options, progress: Progress): Promise<Told | undefined> {
  let failed: Told | undefined;
  const args = ['--seeds', given.seeds, '--from', given.from, ...(given.plant ? ['--plant', given.plant] : [])];
  const workers = Array.from({ length: Math.min(given.seeds, availableParallelism()) }, (_, worker) =>
    fork(fileURLToPath(import.meta.url), [...args, '--worker', worker].map(String)),
  );
  await Promise.all(
    workers.map(
      (child) =>
        new Promise<void>((resolve, reject) => {
          child.on('message', (told: Told) => {
            progress.count(told);
            if (told.failure === undefined || failed) return;
            failed = told;
            for (const other of workers) other.kill();
          });
          child.on('exit', (code) =>
            code === 0 || failed ? resolve() : reject(new Error(`a worker ended with ${code}`)),
          );
        }),
    ),
  );
  return failed;
}

/** A line that moves on a terminal; elsewhere a line each tenth. */
class Progress {
  readonly #total: number;
  readonly #started = performance.now();
  seeds = 0;
  events = 0;
  checks = 0;
  issuedWhileCut = 0;

  constructor(total: number) {
    this.#total = total;
  }

  count(told: Told): void {
    this.seeds++;
    this.events += told.events;
    this.checks += told.checks;
    this.issuedWhileCut += told.issuedWhileCut;
    const isTenth = this.seeds % Math.ceil(this.#total / 10) === 0;
    if (process.stderr.isTTY) process.stderr.write(`\r${this} `);
    else if (isTenth) process.stderr.write(`${this}\n`);
  }

  end(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\u001B[K');
  }

  toString(): string {
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(1);
    return `${this.seeds} of ${this.#total} seeds, ${this.events} events, ${this.checks} checks, ${seconds} s`;
  }
}

async function tell(seed: number, given: Options): Promise<void> {
  const plant = given.plant && PLANTS[given.plant];
  const outcome = await simulate(seed, { only: given.only, plant });
  if (outcome.failure !== undefined && given.only === undefined) {
    console.log(`seed ${seed}: ${outcome.failure}; looking for the shortest way there …`);
    const shortest = await shrink(outcome, plant);
    const plan = planOf(seed);
    for (const number of shortest.only) console.log(`  ${String(number).padStart(2)} ${plan[number]?.kind}`);
    console.log(
      `${shortest.only.length} of ${plan.length} events are enough (run ${shortest.fingerprint.slice(0, 12)}). To play just these:`,
    );
    const planted = given.plant ? ` --plant ${given.plant}` : '';
    console.log(`  npm run simulate -- --seed ${seed} --only ${shortest.only.join(',')}${planted}`);
  } else {
    for (const line of outcome.trace) console.log(line);
    const { events, checks, fingerprint } = outcome;
    console.log(`run ${fingerprint.slice(0, 12)}: ${events} events, ${checks} checks`);
    console.log(`seed ${seed}: ${outcome.failure ?? 'everything held'}`);
  }
  if (outcome.failure !== undefined) process.exitCode = 1;
}

try {
  const given = options();
  if (given.help) console.log(USAGE);
  else if (given.worker !== undefined) await work(given);
  else if (given.seed !== undefined) await tell(given.seed, given);
  else {
    const progress = new Progress(given.seeds);
    const failed = await playMany(given, progress);
    progress.end();
    if (failed) await tell(failed.seed, given);
    else
      console.log(`everything held: ${progress}, ${progress.issuedWhileCut} tokens issued by zones that were cut off`);
  }
} catch (error) {
  const isMisuse = error instanceof Misuse || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
  console.error((error as Error).message);
  console.error(
    isMisuse ? 'npm run simulate -- --help tells what there is.' : 'This is a bug of the simulation itself.',
  );
  process.exitCode = 2;
}
