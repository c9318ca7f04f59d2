import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT, scratchFolder } from '../support/processes.js';

/** A copy of the example, outside of this clone, with the packages as others get them. */
let folder: string;
let scratch: Awaited<ReturnType<typeof scratchFolder>>;

/** What npm prints; rejects when it fails. */
async function npm(cwd: string, ...args: string[]): Promise<string> {
  // Node's test runner must not take this one for its parent.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return (await promisify(execFile)('npm', args, { cwd, env })).stdout;
}

beforeAll(async () => {
  scratch = await scratchFolder();
  folder = join(scratch.path, 'failover');
  await cp(join(ROOT, 'examples/failover'), folder, {
    recursive: true,
    filter: (from) => !/node_modules|vendor|\.(xml|html)$/.test(from),
  });
  const vendor = join(folder, 'vendor');
  await mkdir(vendor);
  await npm(ROOT, 'pack', '--workspaces', '--silent', '--pack-destination', vendor);
  const packages = (await readdir(vendor)).map((file) => `./vendor/${file}`);
  await npm(folder, 'install', '--no-save', '--no-audit', '--no-fund', '--prefer-offline', ...packages);
});
afterAll(() => scratch.remove());

describe('a project of others that installs the packages', () => {
  it('is the one that the page about the test kit shows', async () => {
    const [, shown] = /```js\n(.*?)```/s.exec(await readFile(join(ROOT, 'docs/testkit.md'), 'utf8')) ?? [];
    expect(shown).toBe(await readFile(join(folder, 'test/failover.test.js'), 'utf8'));
  });

  it('runs its tests in a lab, with node --test, and has them as JUnit', async () => {
    await npm(folder, 'test');
    const junit = await readFile(join(folder, 'tests.xml'), 'utf8');
    expect(junit.match(/<testcase /g)).toHaveLength(4);
    expect(junit).not.toContain('<failure');
  });

  it('plays its scenario with kogumactl, and has that as JUnit and as a page', async () => {
    const out = await npm(folder, 'run', 'scenarios');
    expect(out).toMatch(/^ok {5}compromised-key .*\n1 passed, 0 failed, seed 1/m);
    expect(await readFile(join(folder, 'scenarios.xml'), 'utf8')).toContain('failures="0"');
    expect(await readFile(join(folder, 'scenarios.html'), 'utf8')).toContain('<h2>compromised-key</h2>');
  });
});
