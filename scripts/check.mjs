#!/usr/bin/env node
// All that can be said about the code without starting it, and the unit tests. Changes nothing.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = path.resolve(fileURLToPath(new URL('..', import.meta.url)));
const bin = (script) => path.join(ROOT, 'node_modules', script);
const code = ['libs', 'apps', 'test', 'bench', 'scripts'].filter((dir) => fs.existsSync(path.join(ROOT, dir)));
const colour = process.stdout.isTTY ? 'force' : 'off';

/** What each step runs, and which steps must be over before it. */
const steps = {
  'build (tsc -b)': { run: [bin('typescript/bin/tsc'), '-b'] },
  'format and lint (biome)': {
    run: [bin('@biomejs/biome/bin/biome'), 'ci', '--error-on-warnings', `--colors=${colour}`, '.'],
  },
  'unit tests (vitest)': { run: [bin('vitest/vitest.mjs'), 'run', '--project', 'unit', '--passWithNoTests'] },
  // The rest looks at other packages as they are built.
  'types of the tests (tsc)': {
    after: 'build (tsc -b)',
    run: [bin('typescript/bin/tsc'), '-p', 'tsconfig.test.json'],
  },
  'promises and ports (oxlint)': {
    after: 'build (tsc -b)',
    run: [bin('oxlint/bin/oxlint'), '--type-aware', '--deny-warnings', '--report-unused-disable-directives', ...code],
  },
  'direction of imports (dependency-cruiser)': {
    after: 'build (tsc -b)',
    run: [bin('dependency-cruiser/bin/dependency-cruise.mjs'), '--config', '.dependency-cruiser.cjs', ...code],
  },
  'unused code and packages (knip)': {
    after: 'build (tsc -b)',
    run: [bin('knip/bin/knip.js'), '--no-progress', '--no-config-hints'],
  },
};

const git = (...args) => {
  const { status, stdout } = spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' });
  return status === 0 ? stdout : undefined;
};
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;
const width = Math.max(...Object.keys(steps).map((name) => name.length));

function start(name) {
  const started = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, steps[name].run, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (error) => chunks.push(Buffer.from(error.message)));
    child.on('close', (status) => {
      const ok = status === 0;
      console.log(`${ok ? 'ok    ' : 'FAILED'}  ${name.padEnd(width)}  ${seconds(started)}`);
      if (!ok) console.log(`${Buffer.concat(chunks).toString().trimEnd()}\n`);
      resolve(ok);
    });
  });
}

const began = performance.now();
const before = git('status', '--porcelain');
const waiting = new Set(Object.keys(steps));
const over = new Set();
const failed = [];
const workers = Array.from({ length: Math.max(2, Math.min(4, os.availableParallelism())) }, async () => {
  while (waiting.size > 0) {
    const next = [...waiting].find((name) => !steps[name].after || over.has(steps[name].after));
    if (!next) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      continue;
    }
    waiting.delete(next);
    if (!(await start(next))) failed.push(next);
    over.add(next);
  }
});
await Promise.all(workers);

const after = git('status', '--porcelain');
if (after !== before) {
  failed.push('the check itself');
  const seen = new Set(before?.split('\n'));
  console.log('FAILED  the work tree changed while the check ran:');
  console.log(
    (after ?? '')
      .split('\n')
      .filter((line) => !seen.has(line))
      .join('\n'),
  );
}
if (failed.length > 0) {
  console.log(`check failed in ${seconds(began)}: ${failed.join(', ')}`);
  process.exitCode = 1;
} else {
  console.log(`check passed in ${seconds(began)}`);
}
