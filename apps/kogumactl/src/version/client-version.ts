import { readFileSync } from 'node:fs';

/** The version of kogumactl itself. */
export function clientVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
