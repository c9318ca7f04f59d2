import { kogumactl } from './cli.js';
import type { Interrupts } from './terminal.js';

/** Package runners pass on a signal that the terminal has sent to us already: one Ctrl-C comes twice. */
const SAME_SIGNAL_MS = 500;

function interrupts(): Interrupts {
  const stop = new AbortController();
  const atOnce = new AbortController();
  let stoppedAt = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (!stop.signal.aborted) {
        stoppedAt = performance.now();
        stop.abort();
      } else if (performance.now() - stoppedAt > SAME_SIGNAL_MS) atOnce.abort();
    });
  }
  return { stop: stop.signal, atOnce: atOnce.signal };
}

// A terminal that was closed, or a pipe whose reader left, must not end a lab in the middle of its stop.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

const { stdout: out, stderr: err, env } = process;
process.exitCode = await kogumactl(process.argv.slice(2), { out, err, env, stdin: () => process.stdin, interrupts });
