import { type Violation, violationsIn } from '../errors.js';
import { MASK } from './mask.js';
import { fromEnv, fromYaml, type Raw, type Source, type Written } from './sources.js';
import { envName, type Nested, nest, type Role, type Setting, type Table, type Value } from './table.js';

const LONGEST_SHOWN = 100;

/** Everything that a configuration is made from. */
export interface ConfigSources {
  readonly role: Role;
  /** The content of a YAML file, and how errors call it. */
  readonly yaml?: string | undefined;
  readonly yamlName?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The settings of one table, read from defaults, then YAML, then the environment; the last one that speaks wins. */
export class Reading<T extends Table> {
  readonly config: Nested<T>;
  readonly violations: Violation[];
  readonly warnings: string[];
  readonly #table: T;
  readonly #values = new Map<string, Value>();
  readonly #given = new Map<string, Written>();
  readonly #bad = new Set<string>();
  readonly #partial: boolean;

  constructor(table: T, { role, yaml, yamlName, env }: ConfigSources) {
    this.#table = table;
    const rows = Object.entries(table).map(([path, setting]) => ({ path, setting, names: namesOf(path, setting) }));
    const fromFile = fromYaml(yaml ?? '', yamlName, new Set(rows.flatMap(({ names }) => names.yaml)));
    const fromNames = fromEnv(env, new Set(rows.flatMap(({ names }) => names.env)));
    this.#partial = fromFile.broken.length > 0;
    this.violations = [...fromFile.broken];
    this.warnings = [...fromFile.unknown, ...fromNames.unknown];

    const known = { role, at: (path: string) => asText(this.#values.get(path)) };
    for (const { path, setting, names } of rows) {
      const inFile = this.#agreed(path, setting, fromFile, names.yaml);
      const inEnv = this.#agreed(path, setting, fromNames, names.env);
      this.#values.set(path, inEnv ?? inFile ?? setting.fallback(known));
    }
    this.config = nest(this.#values);
  }

  /** The name under which a setting was given, else its environment name. */
  nameOf(path: keyof T & string): string {
    return this.#given.get(path)?.name ?? namesOf(path, this.#row(path)).env[0] ?? path;
  }

  /** What was written for a setting, before it was read; undefined when it has its default. */
  writtenFor(path: keyof T & string): Raw {
    return this.#given.get(path)?.raw;
  }

  /**
   * Refuses the first of some settings for how they go together. Nothing can be said of them when one is bad already,
   * or may be in a part of the file that was not understood.
   */
  refuse(reason: string, ...[path, ...others]: [keyof T & string, ...(keyof T & string)[]]): void {
    if (this.#partial || [path, ...others].some((one) => this.#bad.has(one))) return;
    const standard = { name: this.nameOf(path), where: ' (the default)', raw: asText(this.#values.get(path)) };
    this.#reject(path, this.#row(path), this.#given.get(path) ?? standard, reason);
  }

  /** What one source says of a setting, under any of its names; the names must not contradict each other. */
  #agreed(path: string, setting: Setting<Value>, source: Source, names: readonly string[]): Value | undefined {
    let agreed: { readonly written: Written; readonly value: Value } | undefined;
    for (const name of names) {
      const written = source.written.get(name);
      if (!written) continue;
      const read = setting.schema.safeParse(written.raw);
      if (!read.success) {
        for (const { field, reason } of violationsIn(read.error))
          this.#reject(path, setting, partOf(written, field), reason);
      } else if (agreed && JSON.stringify(agreed.value) !== JSON.stringify(read.data)) {
        const newer = `${agreed.written.name}, the new name of the same setting, says`;
        this.#reject(path, setting, written, `but ${newer} ${shown(setting, agreed.written)}: keep one of them`);
      } else {
        agreed ??= { written, value: read.data };
      }
    }
    if (agreed) this.#given.set(path, agreed.written);
    return agreed?.value;
  }

  #reject(path: string, setting: Setting<Value>, written: Written, reason: string): void {
    this.#bad.add(path);
    this.violations.push({ field: written.name, reason: `got ${shown(setting, written)}, ${reason}` });
  }

  #row(path: string): Setting<Value> {
    const row = this.#table[path];
    if (!row) throw new TypeError(`no setting ${path}`);
    return row;
  }
}

/** Every name of a setting, the present one first. */
function namesOf(path: string, { env, formerly = [], yamlOnly }: Setting<Value>) {
  return { yaml: [path, ...formerly], env: yamlOnly ? [] : [env ?? envName(path), ...formerly.map(envName)] };
}

function asText(value: Value | undefined): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** @param place inside of a list: `[1].kid`; empty for the whole of what was written */
function partOf(written: Written, place: string): Written {
  if (place === '') return written;
  const around = written.parts?.get(place.replace(/\.[^.]*$/, '')) ?? written;
  return written.parts?.get(place) ?? { name: written.name + place, where: around.where, raw: undefined };
}

function shown({ secret }: Setting<Value>, { raw, where }: Written): string {
  return (secret ? MASK : described(raw)) + where;
}

/** Long text may be a key, so it is not repeated. */
function described(raw: Raw): string {
  if (raw === undefined) return 'no plain value';
  if (typeof raw === 'string') return raw.length <= LONGEST_SHOWN ? JSON.stringify(raw) : `${raw.length} characters`;
  return isList(raw) ? 'a list' : `a section with ${Object.keys(raw).join(', ') || 'nothing in it'}`;
}

function isList(raw: object): raw is readonly unknown[] {
  return Array.isArray(raw);
}
