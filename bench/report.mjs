import { writeFileSync } from 'node:fs';
import { plain, withUnit } from './figures.mjs';
import { RESULTS } from './files.mjs';

/** A step that comes late still gets this long. */
const SHORTEST_MS = 3_000;
const HEAD = ['', 'value', 'min–max', 'ratio', 'to', 'goal'];

/** Everything that was measured, as aligned text and as a file. */
export function report(about, sections) {
  const lines = sections.flatMap(({ title, rows }) => [[title], ...rows.map(cells), []]);
  const widths = HEAD.map((head, column) =>
    Math.max(head.length, ...lines.filter(({ length }) => length > 1).map((line) => line[column].length)),
  );
  const text = (line) =>
    line
      .map((cell, column) => (column >= 1 && column <= 3 ? cell.padStart(widths[column]) : cell.padEnd(widths[column])))
      .join('  ')
      .trimEnd();
  console.log(`\n${[text(HEAD), ...lines.map((line) => (line.length === 1 ? line[0] : text(line)))].join('\n')}`);
  writeFileSync(RESULTS, `${JSON.stringify({ ...about, sections }, undefined, 2)}\n`);
}

function cells({ name, unit, value, min, max, limit, ratio, ratioUnit, goal }) {
  return [
    `  ${name}`,
    withUnit(value, unit),
    `${plain(min, unit)}–${plain(max, unit)}`,
    limit ? withUnit(ratio, ratioUnit) : '',
    limit ? `${limit.name}, ${withUnit(limit.value, limit.unit)}` : '',
    goal ? `${goal.text}: ${goal.met ? 'met' : 'MISSED'}` : '',
  ];
}

/** Says what is being done: over and over on one line of a terminal, or a line for each step elsewhere. */
export class Progress {
  #shown = '';
  #now;
  #hurryAt;
  #endAt;

  /**
   * @param hurryAfterMs when the last step should begin: what of the others is left then is kept short
   * @param endAfterMs when the whole run should be over
   * @param now a clock in milliseconds
   */
  constructor({ hurryAfterMs, endAfterMs, now = () => performance.now() }) {
    this.#now = now;
    this.#hurryAt = now() + hurryAfterMs;
    this.#endAt = now() + endAfterMs;
  }

  step(text) {
    if (process.stderr.isTTY) this.#overwrite(text);
    else process.stderr.write(`${text}\n`);
    this.#shown = text;
  }

  /**
   * The numbers of a step's rounds: on a busy machine only as many as end in its time, if each takes as long as the one before
   * it, and at least one.
   */
  *rounds({ rounds, longestMs, isLast = false }) {
    const first = this.#now();
    const until = Math.max(first + SHORTEST_MS, Math.min(first + longestMs, isLast ? this.#endAt : this.#hurryAt));
    let took = 0;
    for (let round = 1; round <= rounds && (round === 1 || this.#now() + took <= until); round++) {
      if (process.stderr.isTTY) this.#overwrite(`${this.#shown} ${round}/${rounds}`);
      const began = this.#now();
      yield round;
      took = this.#now() - began;
    }
  }

  end() {
    if (process.stderr.isTTY) this.#overwrite('');
  }

  #overwrite(text) {
    process.stderr.write(`\r\x1b[2K${text}`);
  }
}
