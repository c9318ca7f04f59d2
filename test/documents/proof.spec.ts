import { describe, expect, it } from 'vitest';
import { INVARIANTS } from '../simulation/invariant-names.js';
import { bare, Page } from '../support/markdown.js';
import { exists } from './tests-in.js';

const page = new Page('proof.md');

describe('the page about proof', () => {
  it('has every invariant of the simulation, as it is there', () => {
    const told = page.rows('### Invariants').map(([name, what = '']) => [bare(name), what]);
    expect(Object.fromEntries(told)).toEqual(INVARIANTS);
  });

  it('names a test for each fault that was found', () => {
    const rows = page.rows('## Faults found');
    expect(rows.length).toBeGreaterThan(5);
    expect(rows.map(([, , test]) => bare(test)).filter((test) => !exists(test))).toEqual([]);
  });
});
