import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A page of the documentation, as far as tests read it. */
export class Page {
  readonly #text: string;

  /** @param name of the file in `docs` */
  constructor(name: string) {
    this.#text = readFileSync(fileURLToPath(new URL(`../../docs/${name}`, import.meta.url)), 'utf8');
  }

  /** What stands under a heading, up to the next one of the same level or above. */
  section(heading: string): string {
    const [level = ''] = /^#+/.exec(heading) ?? [];
    const rest = this.#text.split(`\n${heading}\n`)[1] ?? '';
    return rest.split(new RegExp(`\n#{1,${level.length}} `))[0] ?? '';
  }

  /** The cells of each row of the tables of a section, without heads and lines. */
  rows(heading: string): string[][] {
    return this.section(heading)
      .split('\n')
      .filter((line, at, lines) => line.startsWith('|') && !line.startsWith('| -') && !lines[at + 1]?.startsWith('| -'))
      .map((line) =>
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
  }
}

/** A cell without the marks of code. */
export function bare(cell: string | undefined): string {
  return cell?.replace(/^`|`$/g, '') ?? '';
}
