import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { freePort } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCollector } from '../support/collector.js';
import { ControlPlaneProcess } from '../support/control-plane-process.js';
import { eventually, Program, ROOT, run, scratchFolder } from '../support/processes.js';

let collector: Awaited<ReturnType<typeof openCollector>>;
let global: ControlPlaneProcess;
let east: ControlPlaneProcess;

beforeAll(async () => {
  collector = await openCollector();
  const kds = String(await freePort());
  const env = {
    KUMA_STORE_TYPE: 'memory',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_BSP_SCHEDULE_DELAY: '100',
  };
  global = await ControlPlaneProcess.of('global', { ...env, KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT: kds });
  east = await ControlPlaneProcess.of('zone', {
    ...env,
    OTEL_SERVICE_NAME: 'our-east',
    KUMA_MULTIZONE_ZONE_NAME: 'east',
    KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: `grpc://127.0.0.1:${kds}`,
  });
  await Promise.all([global.start(), east.start()]);
  await eventually(async () => (await east.get('/meshes/default')).status === 200, 'east is in sync');
});
afterAll(async () => {
  await Promise.all([global?.end('SIGKILL'), east?.end('SIGKILL')]);
  await collector?.close();
});

interface Line {
  readonly msg: string;
  readonly request?: string;
  readonly [more: string]: unknown;
}

const linesOf = ({ log }: ControlPlaneProcess, id: string): Line[] =>
  log
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line)
    .filter((line) => line.request?.split(' ').includes(id));

describe('one id', () => {
  const put = (headers: Record<string, string>) =>
    global.call('PUT', '/global-secrets/zone-token-revocations', { data: 'MQ==' }, { headers });

  it('leads from a request on global, by its logs, to what was applied in the zone', async () => {
    const { headers } = await put({ 'x-request-id': 'ticket-4711' });
    expect(headers.get('x-request-id')).toBe('ticket-4711');
    await eventually(() => linesOf(east, 'ticket-4711').length > 0, 'the zone tells of it');
    await eventually(() => linesOf(global, 'ticket-4711').length >= 3, 'global tells of it');
    const [written, sent, answered] = ['created', 'sent', 'answered'].map((msg) =>
      linesOf(global, 'ticket-4711').find((line) => line.msg === msg),
    );
    expect(written).toMatchObject({ type: 'GlobalSecret', name: 'zone-token-revocations', revision: sent?.revision });
    expect(sent).toMatchObject({ type: 'GlobalSecret' });
    expect(answered).toMatchObject({
      method: 'PUT',
      route: '/global-secrets/:name',
      status: 201,
      user: 'mesh-system:admin',
    });
    expect(linesOf(east, 'ticket-4711')).toMatchObject([
      { msg: 'applied', peer: 'global', type: 'GlobalSecret', revision: sent?.revision },
    ]);
  });

  it('is that of the trace that a request is part of, and a new one where what is shown is none', async () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const { headers } = await put({ traceparent: `00-${trace}-00f067aa0ba902b7-01` });
    expect(headers.get('x-request-id')).toBe(trace);
    const { headers: other } = await put({ 'x-request-id': 'a b"c' });
    expect(other.get('x-request-id')).toMatch(/^[\da-f-]{36}$/);
  });
});

describe('OpenTelemetry', () => {
  const trace = '0af7651916cd43dd8448eb211c80319c';
  const spansOf = (service: string, name: string) =>
    collector.spans.filter((span) => span.service === service && span.name === name);

  it('is told of each step of a request, in the trace that the request is part of', async () => {
    const headers = { traceparent: `00-${trace}-b7ad6b7169203331-01` };
    await global.call('POST', '/tokens/zone-ingress', { zone: 'east' }, { headers });
    const traced = () => collector.spans.filter(({ traceId }) => traceId === trace);
    await eventually(() => traced().length >= 2, 'the spans of the request have come');
    const [http, issue] = ['http request', 'token issue'].map((name) => traced().find((span) => span.name === name));
    expect(http).toMatchObject({ service: 'global-cp/global', parentSpanId: 'b7ad6b7169203331' });
    expect(http?.attributes).toMatchObject({ 'koguma.route': '/tokens/zone-ingress', 'koguma.request': trace });
    expect(issue).toMatchObject({ parentSpanId: http?.spanId });
    expect(issue?.attributes).toMatchObject({ 'koguma.kind': 'zone-ingress', 'koguma.kid': '1' });
  });

  it('is told of the store, of checks, and of what is sent and applied, with the request that it is for', async () => {
    const headers = { 'x-request-id': 'traced-1' };
    await global.call('PUT', '/meshes/traced', { type: 'Mesh', name: 'traced' }, { headers });
    await east.verify('no.token.atall', 'zone-ingress');
    const names = () => new Set(collector.spans.map(({ name }) => name));
    await eventually(() => names().size === 7, 'each kind of step was told');
    const ofRequest = (span: { attributes: Readonly<Record<string, unknown>> }) =>
      String(span.attributes['koguma.request']).split(' ').includes('traced-1');
    await eventually(() => spansOf('our-east', 'kds apply').some(ofRequest), 'the zone has told');
    for (const name of ['http request', 'store write', 'kds send'])
      await eventually(() => spansOf('global-cp/global', name).some(ofRequest), `global has told of ${name}`);
    expect(spansOf('our-east', 'token check')[0]?.attributes).toMatchObject({ 'koguma.result': 'malformed' });
  });

  it('that is asked for in a way that there is not stops the start, and says what is allowed', async () => {
    const program = new Program(process.execPath, [`${ROOT}/apps/global-cp/bin/global-cp.js`, 'run'], {
      OTEL_TRACES_EXPORTER: 'zipkin',
    });
    expect(await program.ended()).toBe(1);
    expect(program.output).toContain('OTEL_TRACES_EXPORTER: got "zipkin", allowed: otlp, none, or nothing');
  });
});

describe('a store whose secrets are encrypted', () => {
  let folder: Awaited<ReturnType<typeof scratchFolder>>;
  let sealed: ControlPlaneProcess;
  let keyFile: string;
  const globalCp = (...args: string[]) =>
    run(process.execPath, [`${ROOT}/apps/global-cp/bin/global-cp.js`, ...args], {
      KOGUMA_STORE_ENCRYPTION_KEY_FILE: keyFile,
    });
  beforeAll(async () => {
    folder = await scratchFolder();
    keyFile = join(folder.path, 'store-keys');
    sealed = await ControlPlaneProcess.of('global', {
      KUMA_STORE_TYPE: 'sqlite',
      KOGUMA_STORE_SQLITE_PATH: join(folder.path, 'global.db'),
      KOGUMA_STORE_ENCRYPTION_KEY_FILE: keyFile,
      KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT: '0',
    });
  });
  afterAll(async () => {
    await sealed?.end('SIGKILL');
    await folder?.remove();
  });

  it('has its key rotated by a command while it runs, and starts with the new one alone, and not with the old one', async () => {
    expect((await globalCp('store', 'rotate-key')).output).toContain(`The first key of ${keyFile} is `);
    const old = readFileSync(keyFile, 'utf8');
    await sealed.start();
    const token = await sealed.issue('zone-ingress', { zone: 'east' });
    expect((await globalCp('store', 'rotate-key')).code).toBe(0);
    await eventually(
      () => sealed.log.includes('the data key is wrapped by the first key of the file'),
      'it has noticed',
    );
    expect(sealed.log).not.toContain(old.trim());
    await sealed.end('SIGTERM');

    const [fresh] = readFileSync(keyFile, 'utf8').split('\n');
    writeFileSync(keyFile, `${fresh}\n`);
    await sealed.start();
    expect(await sealed.verify(token, 'zone-ingress')).toMatchObject({ accepted: true });
    await sealed.end('SIGKILL');

    writeFileSync(keyFile, old);
    await expect(sealed.start()).rejects.toThrow('no key in this file opens the store');
    writeFileSync(keyFile, `${fresh}\n`);
    await sealed.start();
    expect(await sealed.verify(token, 'zone-ingress')).toMatchObject({ accepted: true });
  });
});

describe('SIGTERM', () => {
  it('lets a request that is under way end, tells zones to come back, and ends all within a second', async () => {
    const body = JSON.stringify({ type: 'GlobalSecret', name: 'written-late', data: 'MQ==' });
    const url = `${global.url}/global-secrets/written-late`;
    const headers = { 'content-type': 'application/json', 'content-length': String(body.length) };
    const upload = request(url, { method: 'PUT', headers });
    const answer = new Promise<{ status: number | undefined; connection: string | undefined }>((resolve, reject) => {
      upload.on('response', (response) => {
        response.resume();
        resolve({ status: response.statusCode, connection: response.headers.connection });
      });
      upload.on('error', reject);
    });
    upload.write(body.slice(0, 10));
    await new Promise<void>((resolve) => upload.once('socket', (socket) => socket.once('connect', resolve)));
    await global.get('/'); // by now the other one has arrived, too
    const began = performance.now();
    const over = global.end('SIGTERM');
    const toldToLeave = () => east.log.includes('this global control plane is stopping (UNAVAILABLE)');
    await eventually(toldToLeave, 'east was told why it is left');
    upload.end(body.slice(10));
    expect(await answer).toEqual({ status: 201, connection: 'close' });
    await over;
    const ms = performance.now() - began;
    console.log(`global ended ${Math.round(ms)} ms after SIGTERM, with a request under way`);
    expect(ms).toBeLessThan(1_000);
  });
});
