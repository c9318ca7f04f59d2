#!/usr/bin/env node
// Plays the seeded simulation outside the test runner: translates its sources, and runs them on the built packages.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformFile } from '@swc/core';

const ROOT = path.resolve(fileURLToPath(new URL('..', import.meta.url)));
const OUT = path.join(ROOT, 'node_modules', '.cache', 'koguma', 'simulation');

for (const folder of ['simulation', 'peer']) {
  const from = path.join(ROOT, 'test', folder);
  fs.mkdirSync(path.join(OUT, folder), { recursive: true });
  for (const file of fs.readdirSync(from).filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'))) {
    const { code } = await transformFile(path.join(from, file), {
      jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
      module: { type: 'es6' },
    });
    fs.writeFileSync(path.join(OUT, folder, file.replace(/\.ts$/, '.js')), code);
  }
}
fs.writeFileSync(path.join(OUT, 'package.json'), '{ "type": "module" }\n');

const child = spawn(process.execPath, [path.join(OUT, 'simulation', 'main.js'), ...process.argv.slice(2)], {
  stdio: 'inherit',
});
child.on('exit', (code, signal) => {
  process.exitCode = signal ? 1 : (code ?? 1);
});
