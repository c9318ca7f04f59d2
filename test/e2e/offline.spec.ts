import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@koguma/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Program, ROOT, run, scratchFolder } from '../support/processes.js';

const ZONE = `${ROOT}/apps/zone-cp/bin/zone-cp.js`;
const MEMORY = { KUMA_STORE_TYPE: 'memory' };
const FREE_PORTS = { KUMA_API_SERVER_HTTPS_PORT: '0', KUMA_DIAGNOSTICS_SERVER_PORT: '0' };

let folder: Awaited<ReturnType<typeof scratchFolder>>;
let zone: Program | undefined;
beforeAll(async () => {
  folder = await scratchFolder();
});
afterEach(() => zone?.end('SIGKILL'));
afterAll(() => folder.remove());

const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder.path, stdio: 'ignore' });
const write = (name: string, text: string) => {
  writeFileSync(join(folder.path, name), text);
  return join(folder.path, name);
};

/** The code of one section of the README, block by block, with its files in the scratch folder. */
function blocksOf(section: string): { language: string; code: string }[] {
  const [, text = ''] = readFileSync(`${ROOT}/README.md`, 'utf8').split(`## ${section}\n`);
  const [own = ''] = text.split('\n## ');
  const blocks = [...own.matchAll(/```(\w+)\n(.*?)```/gs)];
  return blocks.map(([, language = '', code = '']) => ({
    language,
    code: code.replaceAll('/tmp/', `${folder.path}/`),
  }));
}

describe('tokens signed elsewhere', () => {
  it('are accepted as the README shows it', async () => {
    const [keys, yaml, sign, ...more] = blocksOf('Tokens signed elsewhere');
    expect([keys?.language, yaml?.language, sign?.language, more]).toEqual(['sh', 'yaml', 'sh', []]);
    const port = String(await freePort());
    expect(await run('bash', ['-ec', keys?.code ?? ''])).toMatchObject({ code: 0 });
    const file = write('offline.yaml', yaml?.code ?? '');
    const env = { ...MEMORY, ...FREE_PORTS, KUMA_API_SERVER_HTTP_PORT: port };
    zone = new Program(process.execPath, [ZONE, 'run', '-c', file], env);
    await zone.says(/"msg":"ready"/);
    expect(zone.output).not.toMatch(/apiServer\.\S+ .* is not a setting here/);
    const { output } = await run('bash', ['-ec', sign?.code.replaceAll('5681', port) ?? '']);
    expect(JSON.parse(output)).toEqual({ name: 'ci', groups: ['users', 'mesh-system:authenticated'] });
  });
});

describe('a control plane with a public key that is wrong', () => {
  const PLACE = 'apiServer.authn.tokens.validator.publicKeys';
  beforeAll(() => {
    openssl('genrsa', '-out', 'private.pem', '2048');
    openssl('rsa', '-in', 'private.pem', '-pubout', '-out', 'public.pem');
    openssl('genrsa', '-out', 'small-private.pem', '1024');
    openssl('rsa', '-in', 'small-private.pem', '-pubout', '-out', 'small.pem');
  });

  const listed = (...keys: string[]) =>
    `apiServer:\n  authn:\n    tokens:\n      validator:\n        publicKeys:\n${keys.map((key) => `        - ${key}\n`).join('')}`;

  it.each<[what: string, keys: string[], told: string]>([
    ['without a kid', ['{ keyFile: public.pem }'], `${PLACE}[0].kid: got no plain value (line 6 of`],
    ['that is not there', ['{ kid: a, keyFile: none.pem }'], `${PLACE}[0].keyFile: cannot be read: ENOENT`],
    ['that is the private half', ['{ kid: a, keyFile: private.pem }'], `${PLACE}[0].keyFile: is a private key`],
    ['that is too small', ['{ kid: a, keyFile: small.pem }'], `${PLACE}[0].keyFile: is an RSA key of 1024 bits`],
    [
      'with the kid of another',
      ['{ kid: a, keyFile: public.pem }', '{ kid: a, keyFile: public.pem }'],
      `${PLACE}[1].kid: got "a" (line 7 of`,
    ],
  ])('%s does not start, and says what to mend', async (_, keys, told) => {
    const yaml = listed(...keys.map((key) => key.replace(/(\w+\.pem)/, `${folder.path}/$1`)));
    const { code, output } = await run(process.execPath, [ZONE, 'run', '-c', write('wrong.yaml', yaml)], MEMORY);
    expect({ code, output }).toEqual({ code: 1, output: expect.stringContaining(told) });
    expect(output.trim().split('\n')).toHaveLength(2);
  });
});
