import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { decodeToken, freePort } from '@koguma/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { envoyBinary } from '../support/envoy-binary.js';
import { LabProcesses } from '../support/lab-processes.js';
import { eventually, Program, ROOT, run } from '../support/processes.js';

const OFFSET = 330;
const PROXY_PORT = 6678 + OFFSET;
const KOGUMA_DP = join(ROOT, 'apps/koguma-dp/bin/koguma-dp.js');
const envoy = await envoyBinary();

let lab: LabProcesses;
let application: Server;
const running: Program[] = [];
beforeAll(async () => {
  application = createServer((_, response) => response.end('hello from behind the proxy'));
  await new Promise<void>((resolve) => application.listen({ host: '127.0.0.1', port: 0 }, resolve));
  lab = await LabProcesses.up(
    OFFSET,
    '--zones',
    'east',
    '--memory',
    '--env',
    'east:KUMA_DP_SERVER_AUTHN_ENABLE_RELOADABLE_TOKENS=true',
  );
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((program) => program.end('SIGKILL')));
});
afterAll(async () => {
  await lab.down();
  application.close();
});

const east = () => lab.zone(1);
const issue = () => east().issue('dataplane', { mesh: 'default' });
const authority = () => join(lab.data, 'global/ca.crt');

interface Ports {
  readonly http: number;
  readonly tcp: number;
  readonly admin: number;
}

async function ports(): Promise<Ports> {
  return { http: await freePort(), tcp: await freePort(), admin: await freePort() };
}

function dataplane(name: string, { http, tcp, admin }: Ports, withTcp = false) {
  const { port: servicePort } = application.address() as AddressInfo;
  const tags = { 'kuma.io/service': 'web' };
  const inbound = [
    { port: http, servicePort, tags: { ...tags, 'kuma.io/protocol': 'http' } },
    ...(withTcp ? [{ port: tcp, servicePort, tags }] : []),
  ];
  return {
    type: 'Dataplane',
    mesh: 'default',
    name,
    networking: { address: '127.0.0.1', admin: { port: admin }, inbound },
  };
}

/** Envoy with the bootstrap that the zone serves for a dataplane. */
async function start(name: string, at: Ports, more: Record<string, string>): Promise<Program> {
  const body = join(lab.data, `${name}.json`);
  const config = join(lab.data, `${name}.yaml`);
  const order = { mesh: 'default', name, proxyType: 'dataplane', ...more };
  writeFileSync(body, JSON.stringify({ ...order, dataplaneResource: JSON.stringify(dataplane(name, at)) }));
  const from = `https://localhost:${PROXY_PORT}/bootstrap`;
  const asked = await run('curl', ['-sf', '--cacert', authority(), '-o', config, '--data-binary', `@${body}`, from]);
  expect(asked).toEqual({ code: 0, output: '' });
  const program = new Program(envoy ?? '', [
    '--config-path',
    config,
    '--log-level',
    'info',
    '--concurrency',
    '1',
    '--use-dynamic-base-id',
  ]);
  running.push(program);
  return program;
}

async function answer(port: number): Promise<string> {
  return fetch(`http://127.0.0.1:${port}/`).then(
    (response) => response.text(),
    (error: unknown) => String((error as Error).message),
  );
}

const HELLO = 'hello from behind the proxy';

describe.skipIf(envoy === undefined)('a real Envoy', () => {
  it('starts with the bootstrap of a zone, serves its inbounds, and follows what changes', async () => {
    const at = await ports();
    await start('web-1', at, { dataplaneToken: await issue() });
    await eventually(async () => (await answer(at.http)) === HELLO, 'the HTTP inbound serves');
    expect(await answer(at.tcp)).not.toBe(HELLO);
    const changed = await east().call('PUT', '/meshes/default/dataplanes/web-1', dataplane('web-1', at, true));
    expect(changed.status).toBe(200);
    await eventually(async () => (await answer(at.tcp)) === HELLO, 'the TCP inbound serves, too');
    expect(await answer(at.http)).toBe(HELLO);
    const stats = await (await fetch(`http://127.0.0.1:${at.admin}/stats?filter=update_rejected`)).text();
    expect(stats.split('\n').filter((line) => line !== '' && !line.endsWith(': 0'))).toEqual([]);
    await eventually(async () => {
      const { body } = await east().get('/meshes/default/dataplanes/web-1/_overview');
      return JSON.stringify(body).includes('"responsesAcknowledged"');
    }, 'what it took is known');
  });

  it('loses its stream, and keeps serving, when its token is revoked on global; with a new one in its file it is back', async () => {
    const at = await ports();
    const file = join(lab.data, 'token');
    const old = await issue();
    writeFileSync(file, old);
    const program = await start('web-2', at, { dataplaneToken: old, dataplaneTokenPath: file });
    await eventually(async () => (await answer(at.http)) === HELLO, 'it serves');
    await lab.global.putSecret('dataplane-token-revocations-default', decodeToken(old).jti, { mesh: 'default' });
    await program.says(/closed: 16, authentication failed: .* is on dataplane-token-revocations-default/);
    expect(await answer(at.http)).toBe(HELLO);
    const fresh = await issue();
    writeFileSync(file, fresh);
    await eventually(async () => {
      const { body } = await east().get('/meshes/default/dataplanes/web-2/_overview');
      return JSON.stringify(body).includes(decodeToken(fresh).jti);
    }, 'it has come back with the new token');
    await east().call('PUT', '/meshes/default/dataplanes/web-2', dataplane('web-2', at, true));
    await eventually(async () => (await answer(at.tcp)) === HELLO, 'it follows again');
  });
});

describe('koguma-dp as a program', () => {
  it('does what the documents show of kuma-dp, and ends when told', async () => {
    const token = join(lab.data, 'kuma-ingress-token');
    writeFileSync(token, await east().issue('zone-ingress', { zone: 'east', validFor: '720h' }));
    const ingress = join(lab.data, 'ingress.yaml');
    writeFileSync(ingress, 'type: ZoneIngress\nname: ingress-1\nnetworking:\n  address: 127.0.0.1\n  port: 10001\n');
    const program = new Program(process.execPath, [
      ...[KOGUMA_DP, 'run', '--proxy-type=ingress', '--dataplane-file', ingress],
      ...[`--cp-address=https://127.0.0.1:${PROXY_PORT}`, `--dataplane-token-file=${token}`],
      ...['--ca-cert-file', authority()],
    ]);
    running.push(program);
    await program.says('.ingress-1 is connected: 0 listeners, 0 clusters');
    const { code } = await program.end('SIGINT');
    expect(code).toBe(0);
    expect(program.output).not.toContain(readFileSync(token, 'utf8'));
  });
});
