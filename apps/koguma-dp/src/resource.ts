import { parse } from 'yaml';
import { Failure } from './failure.js';

/** What a proxy brings along: a Dataplane, ZoneIngress or ZoneEgress in the form of REST. */
export interface ProxyResource {
  readonly type: string;
  readonly mesh?: string;
  readonly name: string;
}

/**
 * Reads YAML or JSON after its variables were put in: `{{ name }}` stands for the value of `name`.
 * @throws Failure that names what is missing
 */
export function readResource(template: string, variables: ReadonlyMap<string, string>, file: string): ProxyResource {
  const text = template.replace(/\{\{\{?\s*([\w.-]+)\s*\}?\}\}/g, (_, name: string) => {
    const value = variables.get(name);
    if (value !== undefined) return value;
    throw new Failure(`${file} asks for the variable ${name}`, `Give it with --dataplane-var ${name}=VALUE.`);
  });
  let read: unknown;
  try {
    read = parse(text);
  } catch (error) {
    throw new Failure(`${file} is not YAML: ${(error as Error).message.split('\n', 1)[0]}`, 'Correct the file.');
  }
  const { type, mesh, name } = Object(read) as Partial<Record<'type' | 'mesh' | 'name', unknown>>;
  if (
    typeof type !== 'string' ||
    typeof name !== 'string' ||
    name === '' ||
    (mesh !== undefined && typeof mesh !== 'string')
  )
    throw new Failure(
      `${file} is not a resource: it needs a type and a name`,
      'Begin it with type: Dataplane and name: NAME.',
    );
  return read as ProxyResource;
}
