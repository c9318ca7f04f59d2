import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ROOT, scratchFolder } from '../support/processes.js';
import { type Command, commandsOf, pageWith, Shell, settled } from '../support/shell.js';

const PAGE = `${ROOT}/docs/scenarios.md`;

/** How long something takes in the lab depends on each number that is drawn, and so on all of the code. */
const same = (text: string) => settled(text).replace(/\s+[\d.]+ (ms|s|min|h|days)\b/g, ' N');

describe('the page about scenarios', () => {
  it('shows a file that is shipped', () => {
    const [, shown] = /```yaml\n(.*?)```/s.exec(readFileSync(PAGE, 'utf8')) ?? [];
    expect(shown).toBe(readFileSync(`${ROOT}/scenarios/revoke-during-partition-then-heal.yaml`, 'utf8'));
  });

  it('shows what a person sees who types it', async () => {
    const page = readFileSync(PAGE, 'utf8');
    const scratch = await scratchFolder();
    const shell = new Shell({ HOME: scratch.path });
    const seen: Command[] = [];
    for (const { typed } of commandsOf(page)) {
      const shown = await shell.type(typed.replaceAll('/tmp/', `${scratch.path}/`));
      seen.push({ typed, shown: shown.replaceAll(`${scratch.path}/`, '/tmp/') });
    }
    shell.close();
    await scratch.remove();
    if (process.env.UPDATE) writeFileSync(PAGE, pageWith(page, seen));
    else expect(same(pageWith(page, seen))).toBe(same(page));
  });
});
