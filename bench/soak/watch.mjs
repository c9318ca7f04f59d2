import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { cpuSecondsOf, rssBytesOf } from '../processes.mjs';

export const MB = 1e6;
const HEAP = 'nodejs_heap_size_used_bytes';
const HANDLES = 'nodejs_active_handles_total';
const LAG = 'nodejs_eventloop_lag_p99_seconds';
const NAMES = [HEAP, HANDLES, LAG];

/** What a process is made of just now, as its kernel tells: MB, open files, seconds of CPU. */
export function ofProcess(pid) {
  return { rss: rssBytesOf(pid) / MB, files: readdirSync(`/proc/${pid}/fd`).length, cpu: cpuSecondsOf(pid) };
}

/** The same of a control plane, with what it tells itself: MB of its heap, handles, ms of event-loop lag (p99), MB of its store. */
export async function ofControlPlane(controlPlane) {
  const told = await controlPlane.metrics(NAMES);
  return {
    ...ofProcess(controlPlane.pid),
    heap: told[HEAP] / MB,
    handles: told[HANDLES],
    lag: 1000 * told[LAG],
    store: storeBytes(controlPlane.home) / MB,
  };
}

function storeBytes(home) {
  const files = readdirSync(home).filter((name) => /\.db(-wal)?$/.test(name));
  return files.reduce((sum, name) => sum + statSync(path.join(home, name)).size, 0);
}
