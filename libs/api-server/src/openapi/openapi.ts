import { z } from 'zod';
import { ERROR_BODY } from '../errors.js';
import type { Route } from '../route-book.js';
import type { Demand, Named } from '../route-facts.js';

type Json = Readonly<Record<string, unknown>>;

/** An OpenAPI 3.1 document, in the parts that this server fills. */
export interface OpenApi {
  readonly openapi: string;
  readonly info: Json;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Json;
}

interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly security: readonly Json[];
  readonly parameters: readonly Json[];
  readonly requestBody?: Json;
  readonly responses: Json;
}

const SCHEMAS = '#/components/schemas/';
const TOKEN = 'userToken';
const ERROR: Named = { name: 'Error', schema: ERROR_BODY };

/**
 * Describes routes as OpenAPI 3.1, from what each is known to ask, take and answer. HEAD is left out: it is where GET
 * is (RFC 9110, section 9.3.2).
 */
export function describeApi(routes: readonly Route[], version: string): OpenApi {
  const told = routes.filter(({ method }) => method !== 'HEAD');
  const answers = [...told.flatMap(({ description }) => description?.answer ?? []), ERROR];
  const bodies = told.flatMap(({ description }) => description?.body ?? []);
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of told) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Koguma',
      version,
      description:
        'The API of a control plane: Kuma’s, and under /koguma what this lab adds. A caller from this machine that shows no credential is the administrator.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: {
      schemas: { ...jsonSchemas(answers, 'output'), ...jsonSchemas(bodies, 'input') },
      responses: { Error: { description: 'What went wrong', content: json(ERROR) } },
      securitySchemes: {
        [TOKEN]: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'a user token of this control plane',
        },
      },
    },
  };
}

function operation({ method, path, demand, description }: Route): Operation {
  const { group = '', summary = '', answer, statuses = [200], body, query } = description ?? {};
  const text = { 'text/plain': { schema: { type: 'string' } } };
  const success = { description: 'Success', content: answer ? json(answer) : text };
  return {
    operationId: operationId(method, path),
    tags: [group],
    summary,
    ...accessTo(demand),
    parameters: [...pathParameters(path), ...queryParameters(query)],
    ...(body ? { requestBody: { required: true, content: json(body) } } : {}),
    responses: {
      ...Object.fromEntries(statuses.map((status) => [status, success])),
      default: { $ref: '#/components/responses/Error' },
    },
  };
}

/** `GET /meshes/:mesh/secrets` is `getMeshesMeshSecrets`. */
function operationId(method: string, path: string): string {
  const words = path.split(/[^A-Za-z]+/).filter((word) => word !== '');
  return [method.toLowerCase(), ...words.map((word) => word.charAt(0).toUpperCase() + word.slice(1))].join('');
}

/** A right is told beside the scheme, since bearer tokens have no scopes in OpenAPI. */
function accessTo(demand: Demand | undefined): Pick<Operation, 'security'> & Json {
  if (demand === 'nothing') return { security: [] };
  if (demand === 'sound-credential') return { security: [{}, { [TOKEN]: [] }] };
  return { security: [{ [TOKEN]: [] }], 'x-koguma-right': demand?.right ?? 'nobody' };
}

/** What names in paths are of, where the path does not say it. */
const NAMES: Readonly<Record<string, string>> = {
  mesh: 'a mesh',
  service: 'a service, as the tag kuma.io/service has it',
};

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    description: `the name of ${NAMES[name] ?? 'the resource'}`,
    required: true,
    schema: { type: 'string', minLength: 1 },
  }));
}

/** What a query parameter may be; objects are written `filter[key]=value`. */
function queryParameters(query: z.ZodObject | undefined): Json[] {
  if (!query) return [];
  const { properties = {} } = z.toJSONSchema(query, { io: 'input' });
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...schema } = property as { description?: string; type?: string };
    const style = schema.type === 'object' ? { style: 'deepObject', explode: true } : {};
    return { name, in: 'query', ...(description === undefined ? {} : { description }), ...style, schema };
  });
}

function json({ name }: Named): Json {
  return { 'application/json': { schema: { $ref: SCHEMAS + name } } };
}

/** Schemas by name, each once; those that are parts of others are referred to there. */
function jsonSchemas(all: readonly Named[], io: 'input' | 'output'): Json {
  const registry = z.registry<{ id: string }>();
  const known = new Map<string, z.ZodType>();
  for (const { name, schema } of all) {
    if (known.has(name) && known.get(name) !== schema) throw new TypeError(`two schemas are called ${name}`);
    if (!known.has(name)) registry.add(schema, { id: name });
    known.set(name, schema);
  }
  const { schemas } = z.toJSONSchema(registry, { io, uri: (id) => SCHEMAS + id });
  // Where they stand says who they are and which dialect they are in.
  return Object.fromEntries(Object.entries(schemas).map(([name, { $id, $schema, ...schema }]) => [name, schema]));
}
