import { afterEach, describe, expect, it } from 'vitest';
import { Program } from '../support/processes.js';

let program: Program | undefined;
afterEach(() => program?.end('SIGKILL'));

/** A control plane as a process, with nothing in it. @param stop what it does when it is to end */
const run = (stop: string) =>
  new Program(process.execPath, [
    '--input-type=module',
    '--eval',
    `import { runCommand } from '@koguma/core';
     process.argv = [process.execPath, 'run']; // of a text that is evaluated there is no file
     setInterval(() => undefined, 1_000); // as a connection that nobody ends
     const start = async () => ({ url: 'nowhere', stop: ${stop} });
     await runCommand({ program: 'global-cp', role: 'global', nameOf: () => 'global', start });`,
  ]);

describe('a control plane that is told to end', () => {
  it.each([
    ['does not end', '() => new Promise(() => undefined)', 'something did not end within 3 s'],
    ['fails', '() => Promise.reject(new Error("the disk is gone"))', 'the disk is gone'],
  ])('ends although something in it %s, and says so', async (_, stop, told) => {
    program = run(stop);
    await program.says('"msg":"ready"');
    expect((await program.end()).code).toBe(0);
    expect(program.output).toContain(told);
  });
});
