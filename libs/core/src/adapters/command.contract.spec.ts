import { describe, expect, it } from 'vitest';
import { startProcess } from '../../../../test/support/second-process.js';

/** A control plane as a process, with nothing in it. @param stop what it does when it is to end */
const run = (stop: string) =>
  startProcess(`
    import { runCommand } from '@koguma/core';
    process.argv = [process.execPath, 'run']; // of a text that is evaluated there is no file
    setInterval(() => undefined, 1_000); // as a connection that nobody ends
    const start = async () => ({ url: 'nowhere', stop: ${stop} });
    await runCommand({ program: 'global-cp', role: 'global', nameOf: () => 'global', start });
  `);

describe('a control plane that is told to end', () => {
  it.each([
    ['does not', '() => new Promise(() => undefined)'],
    ['fails', '() => Promise.reject(new Error("the disk is gone"))'],
  ])('ends although something in it %s', async (_, stop) => {
    const { child, ended, lines } = run(stop);
    for await (const line of lines) if (line.includes('"ready"')) child.kill('SIGTERM');
    expect([await ended, child.exitCode]).toEqual([null, 0]);
  });
});
