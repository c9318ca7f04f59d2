import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { credentials, makeGenericClientConstructor } from '@grpc/grpc-js';
import { folder, run } from './processes.mjs';

const asIs = (bytes) => bytes;
/** A gRPC stream of bytes both ways. */
export const ECHO = {
  echo: {
    path: '/bench.Bare/Echo',
    requestStream: true,
    responseStream: true,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  },
};
const EchoClient = makeGenericClientConstructor(ECHO, 'Bare');

/** Milliseconds of each of many round trips of 4 KiB on a gRPC stream that does nothing else. */
export async function echoTimes(port, count) {
  const client = new EchoClient(`127.0.0.1:${port}`, credentials.createInsecure());
  const call = client.echo();
  const times = [];
  const message = Buffer.alloc(4096);
  for (let n = 0; n < count; n++) {
    const began = performance.now();
    await new Promise((resolve) => {
      call.once('data', resolve);
      call.write(message);
    });
    times.push(performance.now() - began);
  }
  call.end();
  client.close();
  return times;
}

/** Signatures and checks of RSA-2048 a second of one core's time: what one of them costs, however busy the machine is. */
export async function oneCore() {
  return parseSpeed(await run('openssl', ['speed', '-seconds', '1', 'rsa2048']));
}

/** The same on all cores by the clock on the wall: what the machine gives just now. */
export async function allCores() {
  return parseSpeed(
    await run('openssl', ['speed', '-elapsed', '-seconds', '1', '-multi', String(cpus().length), 'rsa2048']),
  );
}

function parseSpeed(text) {
  const [, signs, checks] = /^rsa 2048 bits\s+\S+\s+\S+\s+([\d.]+)\s+([\d.]+)/m.exec(text);
  return { signs: Number(signs), checks: Number(checks) };
}

/** What the smallest Node.js process costs: milliseconds to its end, bytes of memory. */
export async function bareNode() {
  const began = performance.now();
  const rss = await run(process.execPath, ['-p', 'process.memoryUsage.rss()']);
  return { ms: performance.now() - began, rssBytes: Number(rss) };
}

/** Milliseconds for 4 KiB to be safe on the disk that the stores are on. */
export function durableWrite() {
  const file = openSync(path.join(folder, 'durable'), 'a');
  const began = performance.now();
  writeSync(file, Buffer.alloc(4096));
  fdatasyncSync(file);
  const ms = performance.now() - began;
  closeSync(file);
  return ms;
}

/** The share of all CPUs that is in use: by others, as long as nothing of ours runs. */
export async function busyShare(ms) {
  const total = () =>
    cpus().reduce(
      ({ busy, all }, { times: { user, nice, sys, irq, idle } }) => ({
        busy: busy + user + nice + sys + irq,
        all: all + user + nice + sys + irq + idle,
      }),
      { busy: 0, all: 0 },
    );
  const before = total();
  await sleep(ms);
  const after = total();
  return (after.busy - before.busy) / (after.all - before.all);
}
