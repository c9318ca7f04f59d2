import { violationsIn } from '@koguma/core';
import { isCollection, isMap, isScalar, LineCounter, type Node, type Pair, parseDocument } from 'yaml';
import { type Scenario, scenarioFormat } from './format.js';

/** A place in a file; both count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** What is wrong with a file, and where. */
export interface FileProblem extends Place {
  readonly message: string;
}

/** A scenario that was read, and where each of its steps stands. */
export interface ReadScenario {
  /** As its reader named it. */
  readonly file: string;
  readonly scenario: Scenario;
  /** Where a value stands, by its path: `['steps', 2]`. */
  placeOf(path: readonly PropertyKey[]): Place;
}

/** Thrown for a file that is no scenario: every problem with its line and column. */
export class UnreadableScenario extends Error {
  readonly problems: readonly FileProblem[];

  constructor(file: string, problems: readonly FileProblem[]) {
    super(problems.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`).join('\n'));
    this.name = 'UnreadableScenario';
    this.problems = problems;
  }
}

/**
 * Reads a scenario.
 * @param file what to call it in errors
 * @throws UnreadableScenario that tells every problem with its line and column
 */
export function readScenario(source: string, file: string): ReadScenario {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const [first] = document.errors;
  if (first) {
    const problems = document.errors.map(({ pos, message }) => ({ ...at(pos[0]), message }));
    throw new UnreadableScenario(file, problems);
  }
  const placeOf = (path: readonly PropertyKey[]) => at(offsetOf(document.contents, path));
  const { data, error } = scenarioFormat.safeParse(document.toJS());
  if (!data) {
    const fields = violationsIn(error);
    const problems = error.issues.map((issue, index) => {
      const keys = issue.code === 'unrecognized_keys' ? issue.keys : [];
      const message = keys.length > 0 ? `does not know ${keys.join(', ')}` : issue.message;
      const field = fields[index]?.field;
      return { ...placeOf([...issue.path, ...keys.slice(0, 1)]), message: field ? `${field}: ${message}` : message };
    });
    throw new UnreadableScenario(
      file,
      problems.sort((a, b) => a.line - b.line || a.column - b.column),
    );
  }
  return { file, scenario: data, placeOf };
}

/** Where the value at a path begins: its key, in a map; of what is not there, what it is missing in. */
function offsetOf(root: Node | null, path: readonly PropertyKey[]): number {
  let node: unknown = root;
  let offset = root?.range?.[0] ?? 0;
  for (const part of path) {
    if (!isCollection(node)) break;
    const pair = isMap(node)
      ? node.items.find(({ key }: Pair) => isScalar(key) && String(key.value) === String(part))
      : undefined;
    const next: unknown = isMap(node) ? pair?.value : node.items[Number(part)];
    const start = (pair?.key ?? next) as Node | undefined;
    if (!start?.range) break;
    offset = start.range[0];
    node = next;
  }
  return offset;
}
