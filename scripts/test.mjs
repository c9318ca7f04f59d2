#!/usr/bin/env node
// Runs the tests (arguments go to vitest: a file name, --project unit, -t 'name') and closes with one line
// that says how many passed and failed.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = path.resolve(fileURLToPath(new URL('..', import.meta.url)));
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'koguma-test-'));
const report = path.join(folder, 'report.json');

const child = spawn(
  process.execPath,
  [
    path.join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ],
  { cwd: ROOT, stdio: 'inherit' },
);
// A terminal sends these to vitest too; we only have to stay for its end.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => signal !== 'SIGINT' && child.kill(signal));
}
child.on('error', (error) => {
  console.error(error.message);
  close(1);
});
child.on('close', (code, signal) => close(signal ? 1 : code));

function close(code) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  try {
    for (const file of JSON.parse(fs.readFileSync(report, 'utf8')).testResults) {
      const failedBefore = count.failed;
      for (const test of file.assertionResults) {
        if (test.status === 'passed') count.passed += 1;
        else if (test.status === 'failed') count.failed += 1;
        else count.skipped += 1;
      }
      // A file that could not be loaded, or a hook around its tests that failed, has no failed test to show for it.
      if (file.status === 'failed' && count.failed === failedBefore) count.failed += 1;
    }
  } catch {
    // No report: vitest itself failed, and its code says so.
  }
  fs.rmSync(folder, { recursive: true, force: true });
  // An error outside of any test (an unhandled rejection, a crashed worker) fails the run and no test.
  if (code !== 0 && count.failed === 0) count.failed = 1;
  const ran = count.passed + count.failed > 0;
  if (!ran) console.error('No test was run.');
  process.exitCode = count.failed > 0 || !ran ? 1 : 0;
  console.log(`${count.passed} passed, ${count.failed} failed${count.skipped > 0 ? `, ${count.skipped} skipped` : ''}`);
}
