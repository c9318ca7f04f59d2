import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { ApiClient } from '../api/client.js';
import { connect, milliseconds } from '../api/connect.js';
import { Failure } from '../failure.js';
import type { Terminal } from '../terminal.js';
import { type GlobalSync, lacking, readGlobalSync } from './report.js';

/** How often global is asked. */
const POLL_MS = 100;

/** Waits for what was written when it was asked; what is written meanwhile is somebody else's business. */
export async function syncWait(zones: readonly string[], command: Command, terminal: Terminal): Promise<void> {
  const { timeout } = command.optsWithGlobals<{ timeout: string }>();
  const timeoutMs = await milliseconds(timeout, '--timeout');
  const { api } = await connect(command, terminal);
  const { names, ms } = await waitForZones(api, zones, timeoutMs);
  const who = names.length === 0 ? 'there are no zones to wait for' : `in sync: ${names.join(', ')}`;
  terminal.out.write(`${who} (${(ms / 1000).toFixed(1)} s)\n`);
}

/**
 * Resolves when zones have applied all that global had written at the call.
 * @param zones all that are enabled when empty
 * @param timeoutMs 0 for as long as it takes
 * @param look told of each answer, for who shows it
 * @throws Failure that names the zones and types that lag
 */
export async function waitForZones(
  api: ApiClient,
  zones: readonly string[],
  timeoutMs: number,
  look: (sync: GlobalSync) => void = () => undefined,
): Promise<{ readonly names: readonly string[]; readonly ms: number }> {
  const began = performance.now();
  let sync = await readGlobalSync(api);
  const target = sync.written;
  const names = zones.length > 0 ? zones : sync.zones.filter(({ enabled }) => enabled).map(({ zone }) => zone);
  const missing = () =>
    names.flatMap((name) =>
      lacking(
        target,
        sync.zones.find(({ zone }) => zone === name),
        name,
      ),
    );
  for (;;) {
    look(sync);
    const ms = performance.now() - began;
    if (missing().length === 0) return { names, ms };
    if (timeoutMs > 0 && ms >= timeoutMs) {
      const todo = 'See: npx kogumactl sync status';
      throw new Failure(`not in sync after ${timeoutMs / 1000} s\n* ${missing().join('\n* ')}`, todo);
    }
    await sleep(POLL_MS);
    sync = await readGlobalSync(api);
  }
}
