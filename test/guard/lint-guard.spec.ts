import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root, Scratch } from './scratch.js';

const statements = [
  'void new Date();',
  'void Date.now();',
  'const Time = Date;',
  "void globalThis['Date'].now();",
  'void performance.now();',
  'setTimeout(() => {}, 1);',
  'globalThis.setTimeout(() => {}, 1);',
  'const { setTimeout: wait } = globalThis;',
  'setInterval(() => {}, 1);',
  'setImmediate(() => {});',
  'clearTimeout(undefined);',
  'clearInterval(undefined);',
  'AbortSignal.timeout(1);',
  'void process.env.HOME;',
  'process.exit(1);',
  'void crypto.randomUUID();',
  'void Math.random();',
  "void Math['random']();",
  'const { random } = Math;',
  "void import('node:fs');",
];
const modules = [
  'node:crypto',
  'crypto',
  'node:fs',
  'fs',
  'node:fs/promises',
  'fs/promises',
  'node:timers',
  'timers',
  'node:timers/promises',
  'timers/promises',
  'node:perf_hooks',
  'perf_hooks',
  'node:child_process',
  'child_process',
  'node:process',
  'node:module',
];
const refused = [
  ...statements,
  ...modules.map((module) => `import * as it from '${module}'; void it;`),
  "export { readFileSync } from 'node:fs';",
];
const allowed = [
  'export const later = (date: Date): Date => date;',
  "import type { KeyObject } from 'node:crypto'; export type Key = KeyObject;",
  'export const run = (process: () => void): void => process();',
  'void Math.floor(1.5);',
];

const guarded = ['libs/core/src/deep', 'libs/kds/src/grpc', 'libs/testkit/src', 'apps/zone-cp/src'];
const free = [
  'libs/core/src/adapters/system-clock.ts',
  'libs/kds/src/grpc/adapters/deep/link.ts',
  'libs/testkit/src/adapters/process.ts',
  'apps/global-cp/src/main.ts',
  'apps/kogumactl/src/up.ts',
  'libs/core/src/clock.spec.ts',
  'libs/resources/src/store.contract.ts',
  'test/support/wait.ts',
  'bench/run.mjs',
  'scripts/setup.mjs',
];
/** All that is refused, in one file. */
const everything = [...modules.map((module) => `import '${module}';`), ...statements.map((line) => `{ ${line} }`)];

describe('the guard of the ports', () => {
  const scratch = new Scratch();
  const complaints = new Map<string, number>();
  const complaintsAbout = (file: string) => complaints.get(file) ?? 0;

  beforeAll(() => {
    scratch.write('.oxlintrc.json', readFileSync(join(root, '.oxlintrc.json'), 'utf8'));
    for (const folder of guarded) {
      for (const [i, code] of refused.entries()) scratch.write(`${folder}/refused-${i}.ts`, code);
      for (const [i, code] of allowed.entries()) scratch.write(`${folder}/allowed-${i}.ts`, code);
      scratch.write(`${folder}/everything.ts`, everything.join('\n'));
    }
    for (const file of free) scratch.write(file, everything.join('\n'));
    const { diagnostics } = scratch.run('oxlint/bin/oxlint', ['-f', 'json', '.']) as {
      diagnostics: { code: string; filename: string }[];
    };
    for (const { code, filename } of diagnostics) {
      if (/no-restricted-(globals|imports|properties)/.test(code)) {
        complaints.set(filename, complaintsAbout(filename) + 1);
      }
    }
  });
  afterAll(() => scratch.remove());

  test.each(refused)('refuses %s', (code) => {
    for (const folder of guarded) {
      expect(complaintsAbout(`${folder}/refused-${refused.indexOf(code)}.ts`)).toBeGreaterThan(0);
    }
  });

  test.each(allowed)('allows %s', (code) => {
    for (const folder of guarded) expect(complaintsAbout(`${folder}/allowed-${allowed.indexOf(code)}.ts`)).toBe(0);
  });

  test.each(free)('leaves %s alone', (file) => {
    expect(complaintsAbout(file)).toBe(0);
    for (const folder of guarded) {
      expect(complaintsAbout(`${folder}/everything.ts`)).toBeGreaterThanOrEqual(everything.length);
    }
  });
});
