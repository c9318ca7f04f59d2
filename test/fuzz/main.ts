import { parseArgs } from 'node:util';
import { type Fuzzer, play } from './fuzzer.js';
import { FUZZERS, type FuzzerName } from './fuzzers.js';

const NAMES = Object.keys(FUZZERS) as FuzzerName[];
const USAGE = `Makes up what is nearly right, along its structure, shows it to the real thing, and looks at what that does.

  npm run fuzz                                ${NAMES.join(', then ')}; a minute each
  npm run fuzz -- --minutes 10 token          one of them, for so long
  npm run fuzz -- --seed 7                    from another seed; 1 when left out
  npm run fuzz -- token --seed 7 --path 3:0   one case, as a failure tells
`;
const TELL_EVERY_MS = 10_000;

class Misuse extends Error {}

function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string', default: '1' },
      path: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const unknown = positionals.find((name) => !NAMES.includes(name as FuzzerName));
  if (unknown !== undefined) throw new Misuse(`there is no fuzzer ${unknown}: there are ${NAMES.join(', ')}`);
  if (!/^\d{1,4}(\.\d+)?$/.test(values.minutes)) throw new Misuse(`--minutes ${values.minutes} is not a number`);
  if (!/^\d{1,9}$/.test(values.seed)) throw new Misuse(`--seed ${values.seed} is not a whole number`);
  const names = positionals.length > 0 ? (positionals as FuzzerName[]) : NAMES;
  if (values.path !== undefined && names.length !== 1) throw new Misuse('--path is of one fuzzer: name it');
  const { path, help } = values;
  return { names, forMs: Number(values.minutes) * 60_000, seed: Number(values.seed), path, help };
}

type Options = ReturnType<typeof options>;

/** @returns whether nothing was found */
async function fuzz(name: FuzzerName, { forMs, seed, path }: Options): Promise<boolean> {
  const fuzzer = (await FUZZERS[name]()) as Fuzzer;
  const began = performance.now();
  let told = began;
  const line = (executions: number) => {
    const seconds = ((performance.now() - began) / 1_000).toFixed(0);
    const seen = Object.entries(fuzzer.seen()).map(([what, times]) => `${what}: ${times}`);
    return `${name}: ${executions} executions in ${seconds} s (${seen.join(', ')})`;
  };
  const isEnough = (executions: number) => {
    const now = performance.now();
    if (now - told >= TELL_EVERY_MS) {
      told = now;
      console.log(line(executions));
    }
    return now - began >= forMs;
  };
  const { executions, failure } = await play(fuzzer, { seed, path, isEnough });
  console.log(`${line(executions)}, seed ${seed}: ${failure ? 'a fault' : 'nothing found'}`);
  await fuzzer.close();
  if (!failure) return true;
  console.log(`${failure.error}\n\nThe smallest case that was found:\n${failure.counterexample}\n\nTo play it again:`);
  console.log(`  npm run fuzz -- ${name} --seed ${failure.seed} --path ${failure.path}`);
  return false;
}

try {
  const given = options();
  if (given.help) console.log(USAGE);
  else for (const name of given.names) if (!(await fuzz(name, given))) process.exitCode = 1;
} catch (error) {
  const isMisuse = error instanceof Misuse || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
  console.error(isMisuse ? (error as Error).message : error);
  console.error(isMisuse ? 'npm run fuzz -- --help tells what there is.' : 'This is a bug of the fuzzer itself.');
  process.exitCode = 2;
}
