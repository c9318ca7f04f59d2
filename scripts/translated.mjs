// Runs a program that is among the tests, outside the test runner: translates its sources, on the built packages.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformFile } from '@swc/core';

const ROOT = path.resolve(fileURLToPath(new URL('..', import.meta.url)));

/** Plays `test/{name}/main.ts`, which may import from the `others`, with the arguments of this process. */
export async function runTranslated(name, others) {
  const out = path.join(ROOT, 'node_modules', '.cache', 'koguma', name);
  for (const folder of [name, ...others]) {
    const from = path.join(ROOT, 'test', folder);
    fs.mkdirSync(path.join(out, folder), { recursive: true });
    for (const file of fs.readdirSync(from).filter((one) => one.endsWith('.ts') && !one.endsWith('.spec.ts'))) {
      const { code } = await transformFile(path.join(from, file), {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'es6' },
      });
      fs.writeFileSync(path.join(out, folder, file.replace(/\.ts$/, '.js')), code);
    }
  }
  fs.writeFileSync(path.join(out, 'package.json'), '{ "type": "module" }\n');

  const main = path.join(out, name, 'main.js');
  const child = spawn(process.execPath, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  child.on('exit', (code, signal) => {
    process.exitCode = signal ? 1 : (code ?? 1);
  });
}
