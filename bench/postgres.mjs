import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformFile } from '@swc/core';

const SOURCE = fileURLToPath(new URL('../test/support/throwaway-cluster.ts', import.meta.url));
const FOLDER = fileURLToPath(new URL('../node_modules/.cache/koguma/bench/', import.meta.url));

/** The PostgreSQL of the tests; see there. @returns a running server, or undefined where PostgreSQL is not installed */
export async function startPostgres() {
  const { code } = await transformFile(SOURCE, {
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'es6' },
  });
  mkdirSync(FOLDER, { recursive: true });
  const file = path.join(FOLDER, 'throwaway-cluster.mjs');
  writeFileSync(file, code);
  const { hasPostgres, ThrowawayCluster } = await import(file);
  return hasPostgres() ? ThrowawayCluster.start() : undefined;
}
