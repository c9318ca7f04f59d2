import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, type YAMLSeq } from 'yaml';
import type { Violation } from '../errors.js';
import { suggestion } from './suggest.js';

/** Text, or a list of texts and of sections of texts; undefined stands for anything else, which is of no use to any setting. */
export type Raw = Text | Section | readonly (Text | Section)[];
type Text = string | undefined;
type Section = { readonly [name: string]: Text };

/** A value as somebody wrote it. */
export interface Written {
  /** The environment name or YAML path. */
  readonly name: string;
  /** ` (line 3 of kuma.yaml)`, or nothing. */
  readonly where: string;
  readonly raw: Raw;
  /** What is written inside of a list, each part by its name there (`[1]`, `[1].kid`). */
  readonly parts?: ReadonlyMap<string, Written>;
}

/** What one source says, by name. */
export interface Source {
  readonly written: ReadonlyMap<string, Written>;
  /** Names that no setting has, each told in one sentence. */
  readonly unknown: readonly string[];
  /** What could not be read as settings at all. */
  readonly broken: readonly Violation[];
}

/** Reads the environment. Names that are neither Kuma's nor ours are somebody else's, and left alone. */
export function fromEnv(env: Readonly<Record<string, string | undefined>>, names: ReadonlySet<string>): Source {
  const written = new Map<string, Written>();
  const unknown: string[] = [];
  for (const [name, raw] of Object.entries(env)) {
    if (raw === undefined || !/^(KUMA|KOGUMA)_/.test(name)) continue;
    if (names.has(name)) written.set(name, { name, where: '', raw });
    else unknown.push(`${name} is not a setting here and is ignored${suggestion(name, names)}`);
  }
  return { written, unknown, broken: [] };
}

/** Reads a YAML document. Scalars are kept as their text, so that each setting is read by one rule from any source. */
export function fromYaml(content: string, file: string | undefined, paths: ReadonlySet<string>): Source {
  return new YamlReader(content, file, paths);
}

class YamlReader implements Source {
  readonly written = new Map<string, Written>();
  readonly unknown: string[] = [];
  readonly broken: Violation[] = [];
  readonly #file: string;
  readonly #paths: ReadonlySet<string>;
  readonly #sections: ReadonlySet<string>;
  readonly #lines = new LineCounter();
  readonly #document: ReturnType<typeof parseDocument>;

  constructor(content: string, file: string | undefined, paths: ReadonlySet<string>) {
    this.#file = file ?? 'the YAML configuration';
    this.#paths = paths;
    this.#sections = new Set([...paths].flatMap(sectionsOf));
    this.#document = parseDocument(content, { lineCounter: this.#lines, prettyErrors: false });
    // Only the first: what follows it is mostly a consequence.
    const [malformed] = this.#document.errors;
    if (malformed) {
      const { line, col } = this.#lines.linePos(malformed.pos[0]);
      this.broken.push({ field: this.#file, reason: `line ${line}, column ${col}: ${malformed.message}` });
    } else {
      this.#section('', this.#file, '', this.#document.contents);
    }
  }

  /** Goes no deeper than the known sections do, so a document whose aliases run in circles ends too. */
  #section(prefix: string, name: string, where: string, content: unknown): void {
    const node = this.#resolved(content);
    if (isMap(node)) for (const pair of node.items) this.#pair(prefix, pair);
    else if (!isNothing(node)) this.broken.push({ field: name, reason: `got a value${where}, allowed: a section` });
  }

  #pair(prefix: string, { key, value }: Pair): void {
    const path = prefix + nameOf(key);
    const where = this.#where(key);
    const node = this.#resolved(value);
    if (this.#sections.has(path)) this.#section(`${path}.`, path, where, node);
    else if (!this.#paths.has(path)) {
      const near = suggestion(path, [...this.#paths, ...this.#sections]);
      this.unknown.push(`${path}${where} is not a setting here and is ignored${near}`);
    } else if (isSeq(node)) this.written.set(path, this.#list(path, where, node));
    else if (!isNothing(node)) this.written.set(path, { name: path, where, raw: textOf(node) });
  }

  /** Lists hold texts, or sections of texts; members without a value are left out, as elsewhere. */
  #list(name: string, where: string, { items }: YAMLSeq): Written {
    const parts = new Map<string, Written>();
    const note = (place: string, node: unknown, raw: Text | Section) => {
      parts.set(place, { name: name + place, where: this.#where(node), raw });
      return raw;
    };
    const raw = items.map((item, index) => {
      const node = this.#resolved(item);
      const place = `[${index}]`;
      if (!isMap(node)) return note(place, item, textOf(node));
      const members = node.items.map(({ key, value }) => ({ key, value: this.#resolved(value) }));
      const texts = members
        .filter(({ value }) => !isNothing(value))
        .map(({ key, value }) => [nameOf(key), note(`${place}.${nameOf(key)}`, key, textOf(value))] as const);
      return note(place, item, Object.fromEntries(texts) as Section);
    });
    return { name, where, raw, parts };
  }

  #resolved(node: unknown): unknown {
    return isAlias(node) ? node.resolve(this.#document) : node;
  }

  #where(node: unknown): string {
    return ` (line ${this.#lines.linePos((node as Node).range?.[0] ?? 0).line} of ${this.#file})`;
  }
}

function nameOf(key: unknown): string {
  return isScalar(key) ? String(key.source ?? key.value) : String(key);
}

function textOf(node: unknown): string | undefined {
  return isScalar(node) ? (node.source ?? String(node.value)) : undefined;
}

/** `a:` and `a: ~` leave the default, as in Kuma. */
function isNothing(node: unknown): boolean {
  return node === null || (isScalar(node) && node.value === null);
}

function sectionsOf(path: string): string[] {
  const names = path.split('.');
  return names.slice(1).map((_, index) => names.slice(0, index + 1).join('.'));
}
