import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import swc from 'unplugin-swc';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('.', import.meta.url));

/** Each package of ours by its name, from its source: tests need no build. */
const alias = ['libs', 'apps'].flatMap((parent) =>
  readdirSync(`${root}${parent}`)
    .map((dir) => `${root}${parent}/${dir}`)
    .filter((dir) => existsSync(`${dir}/package.json`))
    .map((dir) => {
      const { name } = JSON.parse(readFileSync(`${dir}/package.json`, 'utf8')) as { name: string };
      return { find: new RegExp(`^${name}$`), replacement: `${dir}/src/index.ts` };
    }),
);

// The same decorators and metadata that tsc emits, or Nest cannot inject.
const typescript = swc.vite({
  tsconfigFile: false,
  swcrc: false,
  module: { type: 'es6' },
  sourceMaps: true,
  jsc: {
    target: 'es2022',
    keepClassNames: true,
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: true },
  },
});

/** One worker's files share their modules, which take longer to load than most files to run; none leaves anything behind. */
const TOGETHER = { isolate: false };

const project = (name: string, include: string[], more: Record<string, unknown> = {}) => ({
  extends: true as const,
  test: { name, include, ...more },
});

export default defineConfig({
  plugins: [typescript],
  resolve: { alias },
  test: {
    environment: 'node',
    pool: 'forks',
    // By itself vitest leaves one core to others, and on two that is half of the machine.
    maxWorkers: Math.max(2, availableParallelism()),
    restoreMocks: true,
    unstubEnvs: true,
    projects: [
      project(
        'unit',
        ['libs/*/src/**/*.spec.ts', 'apps/*/src/**/*.spec.ts', 'test/guard/**/*.spec.ts', 'bench/**/*.spec.mjs'],
        {
          exclude: ['**/*.contract.spec.ts'],
          testTimeout: 20_000,
          ...TOGETHER,
        },
      ),
      project('contract', ['libs/*/src/**/*.contract.spec.ts'], { testTimeout: 20_000, hookTimeout: 30_000 }),
      project('simulation', ['test/simulation/**/*.spec.ts', 'test/fuzz/**/*.spec.ts'], { testTimeout: 300_000 }),
      project('topology', ['test/topology/**/*.spec.ts'], { testTimeout: 10_000, ...TOGETHER }),
      project('documents', ['test/documents/**/*.spec.ts']),
      // Each file starts processes of its own, so two files at a time, and only after all that is quick.
      project('e2e', ['test/e2e/**/*.spec.ts'], {
        testTimeout: 120_000,
        hookTimeout: 120_000,
        maxWorkers: 2,
        sequence: { groupOrder: 1 },
      }),
      // One story, with containers: scripts/test-compose.mjs names the project in which they run.
      ...(process.env.KOGUMA_TEST_COMPOSE
        ? [
            project('compose', ['test/compose/**/*.spec.ts'], {
              testTimeout: 240_000,
              maxWorkers: 1,
              sequence: { groupOrder: 2 },
            }),
          ]
        : []),
    ],
  },
});
