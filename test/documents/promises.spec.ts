import { describe, expect, it } from 'vitest';
import { NOT_YET, type Page, PROMISES, SECTIONS } from './promises.js';
import { exists } from './tests-in.js';

const kept = PROMISES.filter(({ test }) => test !== NOT_YET);

describe('the promises of the documentation', () => {
  it('have a test each, where they are kept', () => {
    const missing = kept.filter(({ test }) => !exists(test)).map(({ test }) => test);
    expect([...new Set(missing)]).toEqual([]);
  });

  it('cover every section of every page, and no section that a page does not have', () => {
    for (const [page, sections] of Object.entries(SECTIONS)) {
      const covered = PROMISES.filter((row) => row.page === page).map(({ section }) => section);
      expect([page, ...new Set(covered)]).toEqual([page, ...sections]);
    }
  });

  it('are each listed once', () => {
    const names = PROMISES.map(({ page, section, promise }) => `${page}, ${section}: ${promise}`);
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  });

  it('are counted', () => {
    const lines = (Object.keys(SECTIONS) as Page[]).map((page) => {
      const all = PROMISES.filter((row) => row.page === page);
      const open = all.filter(({ test }) => test === NOT_YET).length;
      return `page ${page}: ${all.length - open} of ${all.length} promises are kept`;
    });
    console.log([...lines, `in all: ${kept.length} kept, ${PROMISES.length - kept.length} not yet`].join('\n'));
    expect(kept.length).toBeGreaterThan(0);
  });
});

describe('the reader of test files', () => {
  it('finds tests by their full names, also those of a table, and not those that do not exist', () => {
    const file = 'test/topology/revocation.spec.ts';
    expect(exists(`${file} > a revocation list > may have %s between its ids`)).toBe(true);
    expect(exists(`${file} > a revocation list > may have anything between its ids`)).toBe(false);
    expect(exists(`${file} > may have %s between its ids`)).toBe(false);
    expect(exists('test/topology/no-such.spec.ts > a > b')).toBe(false);
  });
});
