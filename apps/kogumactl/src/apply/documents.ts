import type { ResourceType } from '@koguma/resources';
import { parseAllDocuments } from 'yaml';
import { DEFAULT_MESH } from '../command-line.js';
import { Failure } from '../failure.js';
import { KINDS } from '../resources/kinds.js';
import { isInMesh } from '../resources/paths.js';

/** One resource to be applied. */
export interface Wanted {
  readonly type: ResourceType;
  /** '' for types that are in no mesh. */
  readonly mesh: string;
  readonly name: string;
  /** What is sent: the universal layout. */
  readonly body: object;
}

type Fields = Readonly<Record<string, unknown>>;

const MESH_LABEL = 'kuma.io/mesh';
/** What Kuma calls its two sorts of secrets in Kubernetes. */
const SECRET_TYPES: Readonly<Record<string, ResourceType>> = {
  'system.kuma.io/secret': 'Secret',
  'system.kuma.io/global-secret': 'GlobalSecret',
};

/**
 * Reads YAML or JSON documents: resources in Kuma's universal layout, and Kubernetes Secrets of Kuma's types.
 * @param mesh of documents that are in a mesh and do not say in which
 * @throws Failure that names everything that is wrong, by document and field, without what stands there
 */
export function readDocuments(text: string, mesh: string): Wanted[] {
  const problems: string[] = [];
  const wanted: Wanted[] = [];
  for (const [index, document] of parseAllDocuments(text).entries()) {
    const [error] = document.errors;
    const complain = (what: string) => void problems.push(`\n* document ${index + 1}: ${what}`);
    // Of the parser's message only the first line: below it shows what stands there, which may be a key.
    if (error) complain(`not YAML: ${error.message.split('\n', 1)[0]?.replace(/:$/, '')}`);
    const content: unknown = error ? null : document.toJS();
    if (content === null || content === undefined) continue;
    const read = isFields(content) ? readOne(content, mesh) : 'not an object';
    if (typeof read === 'string') complain(read);
    else wanted.push(read);
  }
  if (problems.length > 0) {
    throw new Failure(
      `these documents cannot be applied${problems.join('')}`,
      'Nothing was applied: mend them, and try again.',
    );
  }
  if (wanted.length > 0) return wanted;
  throw new Failure(
    'no resource(s) passed to apply',
    'Pass YAML with a type and a name, such as: type: Mesh, name: demo.',
  );
}

/** The resource of a document, or what is wrong with it. */
function readOne(document: Fields, mesh: string): Wanted | string {
  return 'apiVersion' in document || 'kind' in document ? readKubernetes(document) : readUniversal(document, mesh);
}

function readUniversal(document: Fields, mesh: string): Wanted | string {
  const types = KINDS.map(({ type }) => type);
  const type = types.find((known) => known === document.type);
  if (!type) {
    return document.type === undefined
      ? `type is missing: one of ${types.join(', ')}`
      : `type ${JSON.stringify(document.type)} is not known: use one of ${types.join(', ')}`;
  }
  const { name, mesh: own = isInMesh(type) ? mesh : '' } = document;
  if (!isText(name)) return 'name must be a string that is not empty';
  if (typeof own !== 'string') return 'mesh must be a string';
  return { type, mesh: own, name, body: isInMesh(type) ? { ...document, mesh: own } : document };
}

function readKubernetes({ apiVersion, kind, metadata, type: secretType, data }: Fields): Wanted | string {
  if (apiVersion !== 'v1' || kind !== 'Secret') {
    return 'in the layout of Kubernetes only Secrets can be applied (apiVersion: v1, kind: Secret)';
  }
  const type = SECRET_TYPES[String(secretType)];
  if (!type) return `type must be ${Object.keys(SECRET_TYPES).join(' or ')}`;
  if (!isFields(metadata)) return 'metadata is missing: an object with the name';
  const { name, labels = {} } = metadata;
  if (!isText(name)) return 'metadata.name must be a string that is not empty';
  if (!isFields(labels)) return 'metadata.labels must be an object of strings';
  const value = isFields(data) ? data.value : undefined;
  if (typeof value !== 'string') return 'data.value must be a string: the secret in base64';
  const { [MESH_LABEL]: mesh = DEFAULT_MESH, ...others } = labels;
  if (typeof mesh !== 'string') return `metadata.labels["${MESH_LABEL}"] must be a string`;
  if (type === 'GlobalSecret' && MESH_LABEL in labels) {
    return `metadata.labels["${MESH_LABEL}"] must be left out: a GlobalSecret is in no mesh`;
  }
  const inMesh = isInMesh(type) ? { mesh } : {};
  const rest = Object.keys(others).length > 0 ? { labels: others } : {};
  // Lines of base64 may be broken, as base64(1) breaks them.
  const body = { type, ...inMesh, name, ...rest, data: value.replace(/\s/g, '') };
  return { type, mesh: isInMesh(type) ? mesh : '', name, body };
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
