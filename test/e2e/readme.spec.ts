import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LabProcesses } from '../support/lab-processes.js';
import { eventually, ROOT } from '../support/processes.js';
import { type Command, commandsOf, Shell, settled } from '../support/shell.js';

const OFFSET = 230;

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
    const same = ({ typed, shown }: Command) => ({ typed, shown: settled(shown.trim()) });
    expect(seen.map(same)).toEqual(tour.map(same));
  });
});

describe('the page of the lab', () => {
  it('shows what a person sees who types it, but for how long things take', async () => {
    const page = commandsOf(readFileSync(`${ROOT}/docs/lab.md`, 'utf8'));
    expect(page.length).toBeGreaterThan(25);
    const seen = await type(page, { waits: false });
    const same = ({ typed, shown }: Command) => ({ typed, shown: timeless(settled(shown.trim())) });
    expect(seen.map(same)).toEqual(page.map(same));
  });
});

/** Without durations, revisions and thumbprints, and the widths of columns that follow from them. */
function timeless(shown: string): string {
  return shown
    .replace(/[\d.]+ ?(ms|s|min)\b/g, 'DURATION')
    .replace(/^(\w+ +Online +\w+)( +\d+){3}/gm, '$1 N N N')
    .replace(/^(dataplane +shop +\d+ +)[\w-]{8}/gm, '$1THUMBPRINT')
    .replace(/"id":"\w+-\d+"/g, '"id":"ID"')
    .replace(/"revision":\d+/g, '"revision":N')
    .replace(/ +/g, ' ');
}

/** At a person's pace: what a line changed has reached the zones before the next is typed, unless the page waits itself. */
async function type(commands: readonly Command[], { waits } = { waits: true }): Promise<Command[]> {
  const shell = new Shell({ KOGUMA_DATA: lab.data, HOME: lab.home });
  const seen: Command[] = [];
  for (const { typed } of commands) {
    seen.push({ typed, shown: await shell.type(moved(typed)) });
    if (waits) await eventually(() => lab.isSynced(), 'the zones have what global has');
  }
  shell.close();
  return seen;
}

/** The same line for a lab on other ports and in another folder. */
function moved(typed: string): string {
  return typed
    .replace(/\b([567]681|6678)\b/g, (port) => String(Number(port) + OFFSET))
    .replaceAll('~/.koguma', lab.data);
}
