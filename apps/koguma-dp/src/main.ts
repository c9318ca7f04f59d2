import { systemClock, systemEntropy } from '@koguma/core';
import { kogumaDp } from './cli.js';

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort());
// A pipe whose reader left must not end a fleet in the middle of its stop.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
// grpc-js gives TLS an address as the server's name, which Node warns of: nothing to do for who reads it.
process.noDeprecation = true;

const { stdout, stderr, env } = process;
process.exitCode = await kogumaDp(process.argv.slice(2), {
  out: (text) => stdout.write(text),
  err: (text) => stderr.write(text),
  env,
  clock: systemClock,
  entropy: systemEntropy,
  signal: stopping.signal,
});
