import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

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
export function exists(test: string): boolean {
  const [file = ''] = test.split(' > ', 1);
  if (!existsSync(ROOT + file)) return false;
  const names = byFile.get(file) ?? testsIn(file);
  byFile.set(file, names);
  return names.has(test.slice(`${file} > `.length));
}
