import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { NOT_YET, type Page, PROMISES, SECTIONS } from './promises.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const kept = PROMISES.filter(({ test }) => test !== NOT_YET);

/** The tests of a file by their full names, titles as they are written: `describe > it`. Skipped ones do not count. */
function testsIn(file: string): Set<string> {
  const names = new Set<string>();
  const source = ts.createSourceFile(file, readFileSync(ROOT + file, 'utf8'), ts.ScriptTarget.ES2023);
  const visit = (node: ts.Node, path: readonly string[]): void => {
    const found = ts.isCallExpression(node) ? titled(node) : undefined;
    const here = found ? [...path, found.title] : path;
    if (found?.runs === 'one') names.add(here.join(' > '));
    else if (found?.runs !== 'none') ts.forEachChild(node, (child) => visit(child, here));
  };
  visit(source, []);
  return names;
}

/** Reads `it('…')`, `describe('…')`, and both with `.each(…)` or `.skip` behind them. */
function titled(call: ts.CallExpression) {
  const [title] = call.arguments;
  if (!title || !ts.isStringLiteralLike(title)) return undefined;
  const words: string[] = [];
  let callee: ts.Expression = call.expression;
  while (!ts.isIdentifier(callee)) {
    if (ts.isPropertyAccessExpression(callee)) words.push(callee.name.text);
    else if (!ts.isCallExpression(callee)) return undefined;
    callee = callee.expression;
  }
  if (!['it', 'test', 'describe'].includes(callee.text)) return undefined;
  const isOff = words.some((word) => ['skip', 'todo', 'fails'].includes(word));
  const runs = isOff ? 'none' : callee.text === 'describe' ? 'many' : 'one';
  return { title: title.text, runs } as const;
}

const byFile = new Map<string, Set<string>>();
/** Whether there is a test of that name, which begins with its file. */
function exists(test: string): boolean {
  const [file = ''] = test.split(' > ', 1);
  if (!existsSync(ROOT + file)) return false;
  const names = byFile.get(file) ?? testsIn(file);
  byFile.set(file, names);
  return names.has(test.slice(`${file} > `.length));
}

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
