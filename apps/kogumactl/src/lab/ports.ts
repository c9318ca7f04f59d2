import { connect, createServer } from 'node:net';
import { Failure } from '../failure.js';
import type { Plan } from './topology.js';

const LOOPBACK = '127.0.0.1';

/** @throws Failure that names every port which cannot be had, and who needs it */
export async function checkPorts(plans: readonly Plan[]): Promise<void> {
  const needs = plans.flatMap(({ title, ports }) => ports.map((port) => ({ title, ...port })));
  const refusals = await Promise.all(needs.map(({ number }) => refusalOf(number)));
  const lines: string[] = [];
  const taken: number[] = [];
  for (const [index, { title, number, purpose }] of needs.entries()) {
    const refusal = refusals[index];
    if (refusal === undefined) continue;
    taken.push(number);
    lines.push(`port ${number} ${refusal}, and ${title} needs it for ${purpose}`);
  }
  if (lines.length === 0) return;
  const see = taken.map((number) => `-i :${number}`).join(' ');
  throw new Failure(
    lines.join('\n'),
    `Stop what uses it (lsof ${see} shows it), or move this lab with --port-offset 100.`,
  );
}

/** Why a port cannot be listened on; undefined when it can. */
async function refusalOf(port: number): Promise<string | undefined> {
  // A listener on all addresses does not keep every system from binding the loopback one beside it, so ask first.
  if (await answers(port)) return 'is in use';
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', ({ code, message }: NodeJS.ErrnoException) => {
      resolve(code === 'EADDRINUSE' ? 'is in use' : `cannot be used (${code ?? message})`);
    });
    server.listen({ host: LOOPBACK, port }, () => server.close(() => resolve(undefined)));
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: LOOPBACK, port });
    const answer = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => answer(true)).once('error', () => answer(false));
  });
}
