import mustache from 'mustache';
import { Failure } from '../failure.js';

type Values = { [name: string]: string | Values };

/**
 * Fills in `{{ name }}` as mustache(5) does, but as it is: what is filled in is YAML, not HTML. The dots of `a.b` lead
 * inwards, as Kuma has it.
 * @throws Failure that names each variable without a value: an empty one would be applied unseen
 */
export function render(text: string, variables: Readonly<Record<string, string>>): string {
  const values: Values = Object.create(null);
  for (const [name, value] of Object.entries(variables)) put(values, name.split('.'), value);
  let tokens: unknown[][];
  try {
    tokens = mustache.parse(text) as unknown[][];
  } catch (error) {
    throw new Failure(`the template cannot be read: ${(error as Error).message}`, 'Variables are written {{ name }}.');
  }
  const missing = [...new Set(variablesIn(tokens))].filter((name) => typeof find(values, name.split('.')) !== 'string');
  if (missing.length > 0) {
    const todo = `Give each one: ${missing.map((name) => `--var ${name}=VALUE`).join(' ')}`;
    throw new Failure(`no value is given for ${missing.map((name) => `{{ ${name} }}`).join(', ')}`, todo);
  }
  return mustache.render(text, values, undefined, { escape: String });
}

function put(values: Values, [first = '', ...rest]: readonly string[], value: string): void {
  if (rest.length === 0) {
    values[first] = value;
    return;
  }
  const inner = values[first];
  const next: Values = typeof inner === 'object' ? inner : Object.create(null);
  values[first] = next;
  put(next, rest, value);
}

function find(values: Values, [first = '', ...rest]: readonly string[]): string | Values | undefined {
  const inner = values[first];
  if (rest.length === 0) return inner;
  return typeof inner === 'object' ? find(inner, rest) : undefined;
}

/** Names of variables, those inside of sections too; what opens a section may be missing. */
function variablesIn(tokens: readonly (readonly unknown[])[]): string[] {
  return tokens.flatMap(([kind, name, , , inner]) => {
    if (kind === 'name' || kind === '&') return [String(name)];
    return Array.isArray(inner) ? variablesIn(inner as unknown[][]) : [];
  });
}
