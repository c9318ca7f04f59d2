import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LabProcesses } from '../support/lab-processes.js';
import { eventually, ROOT } from '../support/processes.js';

const OFFSET = 320;
const MARKER = '--- next ---';

interface Command {
  readonly typed: string;
  readonly shown: string;
}

let lab: LabProcesses;
beforeAll(async () => {
  lab = await LabProcesses.up(OFFSET);
});
afterAll(() => lab.down());

describe('the tour of the README', () => {
  it('shows what a person sees who types it', async () => {
    const tour = commandsOf(readFileSync(`${ROOT}/README.md`, 'utf8'));
    expect(tour.length).toBeGreaterThan(25);
    const seen = await type(tour);
    expect(seen.map(normal)).toEqual(tour.map(({ typed, shown }) => normal({ typed, shown })));
  });
});

/** What the console blocks of a page type, each with what the page shows under it. */
function commandsOf(markdown: string): Command[] {
  const blocks = [...markdown.matchAll(/```console\n(.*?)```/gs)].map(([, block = '']) => block);
  return blocks
    .flatMap((block) => block.split(/^\$ /m).slice(1))
    .map((text) => {
      const [typed = '', ...shown] = text.split('\n');
      return { typed, shown: shown.join('\n').trim() };
    });
}

/**
 * Types everything into one shell, so that what one line sets, the next one has; and at a person's pace: what a line
 * changed has reached the zones before the next is typed.
 */
async function type(commands: readonly Command[]): Promise<Command[]> {
  const shell = spawn('bash', {
    cwd: ROOT,
    env: { ...process.env, KOGUMA_DATA: lab.data },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const lines = createInterface({ input: shell.stdout })[Symbol.asyncIterator]();
  const seen: Command[] = [];
  for (const { typed } of commands) {
    shell.stdin.write(`${moved(typed)}\nprintf '\\n${MARKER}\\n'\n`);
    const shown: string[] = [];
    for (let line = await lines.next(); !line.done && line.value !== MARKER; line = await lines.next())
      shown.push(line.value);
    seen.push({ typed, shown: shown.join('\n').trim() });
    await eventually(() => lab.isSynced(), 'the zones have what global has');
  }
  shell.stdin.end();
  return seen;
}

/** The same line for a lab on other ports. */
function moved(typed: string): string {
  return typed.replace(/\b([567]681)\b/g, (port) => String(Number(port) + OFFSET));
}

/** What differs from run to run, made the same. */
function normal({ typed, shown }: Command): Command {
  const same = shown
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UUID')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replace(/\b1[789]\d{8}\b/g, 'SECONDS')
    .replace(/(thumbprint) [\w-]{43}/g, '$1 THUMBPRINT')
    .replace(/\(pid \d+\)/g, '(pid PID)')
    .replace(/revision \d+/g, 'revision N');
  return { typed, shown: same };
}
