import type { Answer } from '@koguma/testkit';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

interface Media {
  readonly schema: object;
}

interface Response {
  readonly content: Readonly<Record<string, Media>>;
}

interface Documented {
  readonly requestBody?: object;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: object }[];
  readonly responses: Readonly<Record<string, Response | { readonly $ref: string }>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Documented>>>>;
  readonly components: { readonly responses: { readonly Error: Response } };
}

/** One method of one path, as `/openapi.json` tells it. */
export interface Operation extends Documented {
  /** `GET` */
  readonly method: string;
  /** `/meshes/{mesh}/secrets/{name}` */
  readonly path: string;
}

/** What a control plane tells of its API, to hold its answers against. */
export class ApiDescription {
  readonly operations: readonly Operation[];
  readonly #ajv = new Ajv2020({ allErrors: true, strict: false });
  readonly #compiled = new Map<string, ValidateFunction>();
  readonly #error: Response;

  /** @param document what `/openapi.json` answered */
  constructor(document: unknown) {
    const { paths, components } = document as Document;
    this.operations = Object.entries(paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({ ...operation, method: method.toUpperCase(), path })),
    );
    this.#error = components.responses.Error;
    formats.default(this.#ajv);
    this.#ajv.addFormat('base64', true);
    this.#ajv.addSchema({ components }, 'api');
  }

  /** The operation that a request is for; undefined when there is none. `/zones/_overview` is not `/zones/{name}`. */
  operationFor(method: string, url: string): Operation | undefined {
    const path = `${url.split('?', 1)[0]}`.replace(/(?<=.)\/$/, '');
    return this.operations
      .filter((one) => one.method === method && pattern(one.path).test(path))
      .sort((a, b) => placeholders(a.path) - placeholders(b.path))[0];
  }

  /** What an answer has that was not described; nothing when it is as described. Without an operation it is an error. */
  problemsOf(operation: Operation | undefined, answer: Pick<Answer, 'status' | 'text' | 'headers'>): string[] {
    const told = operation?.responses[answer.status] ?? { $ref: 'Error' };
    const { content } = '$ref' in told ? this.#error : told;
    const type = answer.headers.get('content-type') ?? 'nothing';
    const where = `${operation?.method} ${operation?.path} answered ${answer.status}`;
    const media = content[type];
    if (!media) return [`${where} with ${type}`];
    const body: unknown = type === 'application/json' ? JSON.parse(answer.text) : answer.text;
    const isAsTold = this.#compile(media.schema);
    const problems = isAsTold(body) ? [] : (isAsTold.errors ?? []);
    return problems.map(
      ({ instancePath, message, params }) => `${where}: ${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  }

  /** References in the document begin at the document. */
  #compile(schema: object): ValidateFunction {
    const text = JSON.stringify(schema).replaceAll('"#/components', '"api#/components');
    const compiled = this.#compiled.get(text) ?? this.#ajv.compile(JSON.parse(text) as object);
    this.#compiled.set(text, compiled);
    return compiled;
  }
}

function pattern(path: string): RegExp {
  return new RegExp(`^${path.replace(/[.+]/g, '\\$&').replace(/\{\w+\}/g, '[^/]+')}$`);
}

function placeholders(path: string): number {
  return path.split('{').length;
}
