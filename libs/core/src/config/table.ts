import type { ZodType } from 'zod';

/** Which control plane is started: the one global, or one of the zones. */
export type Role = 'global' | 'zone';

/** What a setting can hold: all of it can be written as JSON. */
export type Value =
  | string
  | number
  | boolean
  | readonly string[]
  | readonly { readonly [name: string]: string | undefined }[];

/** What a default can be made from: the role, and settings in rows above its own. */
export interface Known {
  readonly role: Role;
  /** An earlier setting, as text. */
  readonly at: (path: string) => string;
}

interface Options {
  /** The environment name, where it is not the path in capitals. */
  readonly env?: string;
  /** Too long for a variable: it has no environment name. */
  readonly yamlOnly?: boolean;
  /** Older paths of the same setting; their environment names are read too. */
  readonly formerly?: readonly string[];
  /** The role that reads it; both when left out. The other one checks the value and ignores it. */
  readonly onlyFor?: Role;
  /** Never shown: not by errors, not by `maskConfig`. */
  readonly secret?: boolean;
}

/** One row of a table of settings. Its schema reads text, whichever source that came from. */
export interface Setting<T extends Value> extends Options {
  readonly schema: ZodType<T>;
  readonly fallback: (known: Known) => T;
}

/** Settings by their YAML path, in Kuma's camelCase: `apiServer.http.port`. */
export type Table = Readonly<Record<string, Setting<Value>>>;

/** Makes a row. A default that depends on the role or on an earlier setting is a function. */
export function setting<T extends Value>(
  schema: ZodType<T>,
  fallback: NoInfer<T> | ((known: Known) => NoInfer<T>),
  options: Options = {},
): Setting<T> {
  return { ...options, schema, fallback: isFunction(fallback) ? fallback : () => fallback };
}

function isFunction<T extends Value>(fallback: T | ((known: Known) => T)): fallback is (known: Known) => T {
  return typeof fallback === 'function';
}

type Head<Path extends string> = Path extends `${infer First}.${string}` ? First : Path;
type Below<T, Section extends string> = {
  [Path in keyof T as Path extends `${Section}.${infer Rest}` ? Rest : never]: T[Path];
};

/** The nested form of a table: the row `apiServer.http.port` is read as `config.apiServer.http.port`. */
export type Nested<T> = {
  readonly [Name in Head<keyof T & string>]: T extends Record<Name, Setting<infer V>> ? V : Nested<Below<T, Name>>;
};

/** The environment name of a path: `KUMA_API_SERVER_HTTP_PORT`, and `KOGUMA_LAB` for `koguma.lab`. */
export function envName(path: string): string {
  const name = path.replace(/[A-Z]/g, '_$&').replaceAll('.', '_').toUpperCase();
  return path.startsWith('koguma.') ? name : `KUMA_${name}`;
}

/** Makes the nested form out of values by path. */
export function nest<T extends Table>(values: ReadonlyMap<string, unknown>): Nested<T> {
  const root: Record<string, unknown> = {};
  for (const [path, value] of values) {
    const names = path.split('.');
    const last = names.pop() ?? path;
    let section = root;
    for (const name of names) {
      section[name] ??= {};
      section = section[name] as Record<string, unknown>;
    }
    section[last] = value;
  }
  return root as Nested<T>;
}

/** The value at a path of the nested form. */
export function valueAt(nested: unknown, path: string): unknown {
  return path.split('.').reduce((section, name) => (section as Record<string, unknown>)[name], nested);
}
