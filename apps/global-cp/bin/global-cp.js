#!/usr/bin/env node
import { existsSync } from 'node:fs';

const main = new URL('../dist/program/main.js', import.meta.url);
if (!existsSync(main)) {
  console.error('global-cp is not built.\nRun: npm run build');
  process.exit(1);
}
await import(main.href);
