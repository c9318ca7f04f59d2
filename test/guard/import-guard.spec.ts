import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root, Scratch } from './scratch.js';

const folders = [
  'libs/core',
  'libs/resources',
  'libs/auth',
  'libs/kds',
  'libs/api-server',
  'libs/dp-server',
  'libs/testkit',
  'libs/scenario',
  'apps/global-cp',
  'apps/zone-cp',
  'apps/koguma-dp',
  'apps/kogumactl',
];
const nameOf = (folder: string) =>
  folder === 'apps/kogumactl' ? 'kogumactl' : `@koguma/${folder.slice(folder.indexOf('/') + 1)}`;

type Case = [file: string, code: string, rule: string];
const importOf = (module: string) => `import * as it from '${module}'; void it;`;

const refused: Case[] = [
  ['libs/core/src/a.ts', importOf('@koguma/resources'), 'core-imports-down'],
  ['libs/core/src/b.ts', importOf('@koguma/testkit'), 'core-imports-down'],
  ['libs/resources/src/a.ts', importOf('@koguma/auth'), 'resources-imports-down'],
  ['libs/resources/src/b.ts', "import type { it } from '@koguma/auth'; export type It = it;", 'resources-imports-down'],
  ['libs/auth/src/a.ts', importOf('@koguma/kds'), 'auth-imports-down'],
  ['libs/kds/src/a.ts', importOf('@koguma/api-server'), 'kds-imports-down'],
  ['libs/kds/src/b.ts', importOf('@koguma/dp-server'), 'kds-imports-down'],
  ['libs/api-server/src/a.ts', importOf('@koguma/kds'), 'api-server-imports-down'],
  ['libs/api-server/src/b.ts', importOf('@koguma/global-cp'), 'api-server-imports-down'],
  ['libs/dp-server/src/a.ts', importOf('@koguma/api-server'), 'dp-server-imports-down'],
  ['apps/global-cp/src/a.ts', importOf('@koguma/zone-cp'), 'global-cp-imports-down'],
  ['apps/global-cp/src/b.ts', importOf('@koguma/testkit'), 'global-cp-imports-down'],
  ['apps/zone-cp/src/a.ts', importOf('kogumactl'), 'zone-cp-imports-down'],
  ['apps/koguma-dp/src/a.ts', importOf('@koguma/zone-cp'), 'koguma-dp-imports-down'],
  ['libs/testkit/src/a.ts', importOf('@koguma/scenario'), 'testkit-imports-down'],
  ['libs/scenario/src/a.ts', importOf('kogumactl'), 'scenario-imports-down'],
  ['libs/auth/src/past.ts', importOf('../../core/src/index.js'), 'only-through-the-index'],
  ['libs/auth/src/past-built.ts', importOf('../../core/dist/inner.js'), 'only-through-the-index'],
  ['libs/auth/src/past-name.ts', importOf('@koguma/core/dist/inner.js'), 'no-unresolvable'],
  ['test/past.spec.ts', importOf('../libs/core/src/index.js'), 'only-through-the-index-in-tests'],
  ['bench/past.mjs', importOf('../apps/zone-cp/dist/inner.js'), 'only-through-the-index-in-tests'],
  ['libs/core/src/to-test.ts', importOf('../../../test/support/wait.js'), 'no-import-of-tests'],
  ['libs/core/src/to-test.spec.ts', importOf('../../../test/topology/one.spec.js'), 'no-import-of-tests-but-support'],
  ['libs/core/src/to-spec.ts', importOf('./some.spec.js'), 'no-source-imports-a-test'],
  ['libs/core/src/circle-a.ts', importOf('./circle-b.js'), 'no-circular'],
  ['libs/core/src/nest.ts', importOf('@nestjs/common'), 'no-nest-in-the-heart'],
  ['libs/resources/src/nest.ts', importOf('@nestjs/common'), 'no-nest-in-the-heart'],
  ['libs/auth/src/deep/nest.ts', importOf('@nestjs/common'), 'no-nest-in-the-heart'],
  ['libs/kds/src/nest.ts', importOf('@nestjs/common'), 'no-nest-in-the-heart'],
  ['libs/kds/src/sync/nest.ts', importOf('@nestjs/common'), 'no-nest-in-the-heart'],
  ['libs/kds/src/grpc.ts', importOf('@grpc/grpc-js'), 'no-grpc-in-the-heart'],
  [
    'libs/kds/src/sync/grpc.ts',
    "import type { it } from '@grpc/grpc-js'; export type It = it;",
    'no-grpc-in-the-heart',
  ],
  ['libs/auth/src/grpc.ts', importOf('@grpc/grpc-js'), 'no-grpc-in-the-heart'],
  ['libs/core/src/dev.ts', importOf('vitest'), 'declared-dependencies'],
  ['libs/kds/src/own-dev.ts', importOf('supertest'), 'declared-dependencies'],
];

const allowed: [file: string, code: string][] = [
  ['libs/resources/src/down.ts', importOf('@koguma/core')],
  ['libs/kds/src/down.ts', importOf('@koguma/auth')],
  ['libs/kds/src/grpc/server.ts', `${importOf('@nestjs/common')} export * from '@grpc/grpc-js';`],
  ['libs/api-server/src/door.ts', importOf('@nestjs/common')],
  ['apps/zone-cp/src/app.module.ts', `${importOf('@koguma/kds')} export * from '@koguma/dp-server';`],
  ['apps/kogumactl/src/up.ts', `${importOf('@koguma/zone-cp')} export * from '@koguma/scenario';`],
  ['libs/testkit/src/topology.ts', `${importOf('@koguma/zone-cp')} export * from '@koguma/koguma-dp';`],
  ['libs/scenario/src/run.ts', importOf('@koguma/testkit')],
  ['libs/core/src/some.spec.ts', importOf('vitest')],
  ['libs/core/src/supported.spec.ts', importOf('../../../test/support/wait.js')],
  [
    'test/topology/one.spec.ts',
    `${importOf('@koguma/testkit')} export * from 'vitest'; export * from '../support/wait.js';`,
  ],
];

describe('the direction of imports', () => {
  const scratch = new Scratch();
  const violations: string[] = [];

  beforeAll(() => {
    const manifest = (name: string, more: object = {}) =>
      JSON.stringify({
        name,
        version: '0.1.0',
        type: 'module',
        exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } },
        ...more,
      });
    const outside = ['@nestjs/common', '@grpc/grpc-js', 'vitest', 'supertest'];
    scratch.write(
      'package.json',
      JSON.stringify({ name: 'scratch', devDependencies: { vitest: '*', supertest: '*' } }),
    );
    for (const name of outside) {
      scratch.write(`node_modules/${name}/package.json`, manifest(name));
      scratch.write(`node_modules/${name}/dist/index.js`, 'export const it = 1;');
      scratch.write(`node_modules/${name}/dist/index.d.ts`, 'export declare const it = 1; export type it = 1;');
    }
    for (const folder of folders) {
      const dependencies = Object.fromEntries(
        [...folders.map(nameOf), '@nestjs/common', '@grpc/grpc-js'].map((name) => [name, '*']),
      );
      scratch.write(
        `${folder}/package.json`,
        manifest(nameOf(folder), { dependencies, devDependencies: { supertest: '*' } }),
      );
      scratch.write(`${folder}/src/index.ts`, 'export const it = 1;');
      for (const file of ['index', 'inner']) {
        scratch.write(`${folder}/dist/${file}.js`, 'export const it = 1;');
        scratch.write(`${folder}/dist/${file}.d.ts`, 'export declare const it = 1; export type it = 1;');
      }
      scratch.link(`node_modules/${nameOf(folder)}`, folder);
    }
    scratch.write('tsconfig.base.json', '{}');
    scratch.write('test/support/wait.ts', 'export const it = 1;');
    scratch.write('libs/core/src/circle-b.ts', importOf('./circle-a.js'));
    for (const [file, code] of [...refused, ...allowed]) scratch.write(file, code);

    const { summary } = scratch.run('dependency-cruiser/bin/dependency-cruise.mjs', [
      '--config',
      join(root, '.dependency-cruiser.cjs'),
      '--output-type',
      'json',
      'libs',
      'apps',
      'test',
      'bench',
    ]) as { summary: { violations: { from: string; rule: { name: string } }[] } };
    for (const { from, rule } of summary.violations) violations.push(`${from}: ${rule.name}`);
  }, 30_000);
  afterAll(() => scratch.remove());

  test.each(refused)('%s may not: %s (%s)', (file, _code, rule) => {
    expect(violations).toContain(`${file}: ${rule}`);
  });

  test.each(allowed)('%s may: %s', (file) => {
    expect(violations.filter((line) => line.startsWith(`${file}:`))).toEqual([]);
  });
});
