import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { Failure } from '../failure.js';
import type { Terminal } from '../terminal.js';

const PATIENCE_MS = 10_000;

/**
 * Reads what `-f` names: a file, a folder's `.yaml`, `.yml` and `.json` files by name, an http(s) address, or `-` for
 * what is piped in.
 * @throws Failure
 */
export async function readSource(source: string, { stdin }: Pick<Terminal, 'stdin'>): Promise<string> {
  if (source === '-') {
    const chunks: Uint8Array[] = [];
    for await (const chunk of stdin()) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  }
  if (/^https?:\/\//i.test(source)) return fetched(source);
  try {
    return statSync(source).isDirectory() ? folder(source) : readFileSync(source, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Failure(`${source} cannot be read (${code})`, 'Check -f: a file, a folder, an address, or - for a pipe.');
  }
}

function folder(dir: string): string {
  const names = readdirSync(dir).filter((name) => /\.(ya?ml|json)$/.test(name));
  return names
    .sort()
    .map((name) => readFileSync(path.join(dir, name), 'utf8'))
    .join('\n---\n');
}

async function fetched(url: string): Promise<string> {
  const todo = 'Check the address with: curl -L';
  const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) }).catch((error: Error) => {
    const cause = error.cause as NodeJS.ErrnoException | undefined;
    throw new Failure(`${url} cannot be read: ${cause?.code ?? cause?.message ?? error.message}`, `${todo} ${url}`);
  });
  if (!response.ok) throw new Failure(`${url} cannot be read: HTTP ${response.status}`, `${todo} ${url}`);
  return response.text();
}
