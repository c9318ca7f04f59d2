import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommandLine } from '../support/command-line.js';

let user: CommandLine;
beforeEach(async () => {
  user = await CommandLine.with({});
});
afterEach(() => user.remove());

const STORY = `name: story
about: "<script>alert('about')</script> & so on"
topology: { zones: [east] }
steps:
  - note: "<b>why</b>"
    issue: { at: east, kind: dataplane, name: web-1, as: t1 }
  - take: { secret: user-token-signing-key-1, from: global, as: key }
  - proxy: { name: web-1, zone: east, token: t1 }
  - expect: { proxy: { name: web-1, is: connected }, within: 10s }
  - advance: 2h
`;
const FAILING = `${STORY}  - expect: { verify: { token: t1, at: east, is: refused }, within: 5s }\n`;
/** Whatever begins a JWT, or a key. */
const SECRETS = /eyJ[\w-]{10,}|PRIVATE KEY|MII[\w+/]{20,}/;

function story(source: string, name = 'story.yaml'): string {
  const file = join(user.home, name);
  writeFileSync(file, source);
  return file;
}
const written = (name: string) => readFileSync(join(user.home, name), 'utf8');

describe('kogumactl scenario run', { timeout: 30_000 }, () => {
  it('tells what passed, for how long in the lab, and ends with 0', async () => {
    const { code, out, err } = await user.run('scenario', 'run', story(STORY), '--seed', '7');
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(
      /^ok {5}story {38}5 steps, 2\.0 h of the lab in [\d.]+ m?s\n1 passed, 0 failed, seed 7, in [\d.]+ m?s\n$/,
    );
  });

  it('prints each step with --verbose, at its time of the lab and with its line', async () => {
    const out = await user.ok('scenario', 'run', story(STORY), '--verbose');
    expect(out).toMatch(/ {2}· {9}0 ms {2}issues a dataplane token for web-1, t1, with key 1 \(line 6\)\n/);
    expect(out).toMatch(/web-1 is connected.* \(line 9\)\n/);
  });

  it('plays as often as asked for, with one seed after the other', async () => {
    const out = await user.ok('scenario', 'run', story(STORY), '--runs', '3', '--seed', '5');
    expect(out.match(/^ok/gm)).toHaveLength(3);
    expect(out).toContain('3 passed, 0 failed, seeds 5 to 7');
  });

  it('fails with the place and the reason, says how to play it again, and ends with 1', async () => {
    const file = story(FAILING);
    const { code, out, err } = await user.run('scenario', 'run', file);
    expect(code).toBe(1);
    expect(out).toContain(`       ${file}:11:5: t1 should be refused at east within 5s: t1 is accepted at east\n`);
    expect(err).toBe(
      `Error: 1 of 1 runs failed\nPlay one again: npx kogumactl scenario run ${file} --seed 1 --verbose\n`,
    );
  });

  it('writes JUnit, JSON and a page, in which nothing is executed or loaded, and no token or key is', async () => {
    const file = story(FAILING);
    const to = (name: string) => join(user.home, name);
    await user.run('scenario', 'run', file, '--junit', to('j.xml'), '--json', to('r.json'), '--html', to('r.html'));
    const [junit, json, html] = [written('j.xml'), written('r.json'), written('r.html')];

    expect(junit).toContain('<testsuites name="koguma" tests="7" failures="1"');
    expect(junit).toMatch(/<testsuite name="story \(seed 1\)" tests="7" failures="1" time="\d+\.\d{3}">/);
    expect(junit.match(/<testcase /g)).toHaveLength(7);
    expect(junit).toContain('<failure message="t1 should be refused at east within 5s: t1 is accepted at east">');

    const { runs } = JSON.parse(json) as { runs: [Record<string, unknown>] };
    expect(runs[0]).toMatchObject({
      name: 'story',
      seed: 1,
      passed: false,
      failures: [{ line: 11, column: 5 }],
      nodes: ['global', 'east'],
    });

    expect(html).toContain('&lt;script&gt;alert(&#39;about&#39;)&lt;/script&gt; &amp; so on');
    expect(html).toContain('&lt;b&gt;why&lt;/b&gt;');
    expect(html).not.toMatch(/<script|<link|<img|<iframe|https?:|url\(|@import/i);
    expect(html).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
    expect(html.match(/<circle /g)?.length).toBeGreaterThan(6);
    const marked = [...html.matchAll(/<circle class="(\w+)"/g)].map(([, kind]) => kind);
    const explained = [...html.matchAll(/<i class="(\w+)">/g)].map(([, kind]) => kind);
    expect(explained).toEqual(expect.arrayContaining(marked));
    for (const text of [junit, json, html]) expect(text).not.toMatch(SECRETS);
  });

  it.each([
    ['a file that is not there', ['nowhere.yaml'], 'nowhere.yaml cannot be read (ENOENT)'],
    ['a seed that is none', ['--seed', 'lucky', 'x.yaml'], '--seed lucky is not a whole number'],
    ['a seed for a lab that runs', ['--seed', '1', '--live', 'x.yaml'], '--seed decides nothing on a lab that runs'],
    ['no runs', ['--runs', '0', 'x.yaml'], '--runs 0 is not a whole number'],
  ])('was called wrongly with %s, and ends with 2', async (_, args, why) => {
    const { code, err } = await user.run('scenario', 'run', ...args);
    expect([code, err.split('\n')[0]]).toEqual([2, `Error: ${why}`]);
  });

  it('looks for a lab that runs with --live, and says how to start one', async () => {
    const file = story(STORY);
    const { code, err } = await user.run('scenario', 'run', file, '--live', '--data', join(user.home, 'lab'));
    expect([code, err]).toEqual([
      1,
      `Error: no lab is running in ${user.home}/lab\nStart one with: npx kogumactl up\n`,
    ]);
    const none = await user.run('--context', 'local', 'scenario', 'run', file, '--live');
    expect([none.code, none.err]).toEqual([
      1,
      'Error: no lab was found by the contexts local: a global and its zones must be among them\n' +
        'Add them: npx kogumactl config control-planes from-docker. Or start a lab: npx kogumactl up\n',
    ]);
  });

  it('names every mistake in a file by line and column before anything is played', async () => {
    const bad = STORY.replace('kind: dataplane', 'kind: dataplan').replace('advance: 2h', 'advance: 2');
    const file = story(bad, 'bad.yaml');
    const { code, out, err } = await user.run('scenario', 'run', story(STORY), file);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(`${file}:6:24: steps[0].issue.kind: must be one of`);
    expect(err).toContain(`${file}:10:5: steps[4].advance: must be a`);
  });

  it('says where a report cannot be written', async () => {
    const { code, err } = await user.run('scenario', 'run', story(STORY), '--html', join(user.home, 'no', 'r.html'));
    expect(code).toBe(1);
    expect(err).toMatch(/cannot be written \(ENOENT\)\nName a file in a folder that is there\.\n$/);
  });
});

describe('kogumactl scenario schema', () => {
  it('prints the schema that is shipped', async () => {
    const shipped = JSON.parse(readFileSync(new URL('../../scenarios/schema.json', import.meta.url), 'utf8')) as object;
    expect(JSON.parse(await user.ok('scenario', 'schema'))).toEqual(shipped);
  });
});
