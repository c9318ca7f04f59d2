import { Agent, request } from 'node:http';
import { Controller, Get } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Counter, Registry } from 'prom-client';
import { afterEach, describe, expect, test } from 'vitest';
import { Public } from './access-guard.js';
import { DiagnosticsModule } from './diagnostics.module.js';
import { createApiAdapter } from './http-adapter.js';
import { openHttpDoor } from './http-door.js';
import { type StartedDoor, send, startedDoor } from './started-door.contract.js';

/** Requests to `/slow` that came, each with what lets it end. */
const waiting: (() => void)[] = [];

@Controller('slow')
class SlowController {
  @Get()
  @Public()
  async get(): Promise<object> {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return { done: true };
  }
}

describe('the HTTP door', () => {
  const started: StartedDoor[] = [];
  afterEach(async () => {
    for (const door of started.splice(0)) await door.stop();
  });
  const start = async (...args: Parameters<typeof startedDoor>) => {
    const door = await startedDoor(...args);
    started.push(door);
    return door;
  };

  test('tells who answers, in words for every kumactl', async () => {
    const door = await start();
    const { status, headers, text } = await door.call('GET', '/', { as: 'stranger' });
    expect([status, headers['content-type']]).toEqual([200, 'application/json']);
    expect(text).toBe(`{
 "hostname": "cp-1",
 "tagline": "Kuma",
 "product": "Kuma",
 "version": "2.14.3",
 "basedOnKuma": "2.14.3",
 "instanceId": "cp-1-4be2",
 "clusterId": "c1",
 "gui": ""
}
`);
  });

  test('answers HEAD as GET without a body, and ignores a slash at the end', async () => {
    const door = await start();
    const head = await door.call('HEAD', '/meshes/');
    const get = await door.call('GET', '/meshes');
    expect([head.status, head.text, head.headers['content-length']]).toEqual([200, '', get.headers['content-length']]);
    const missing = await door.call('HEAD', '/zones/none');
    expect([missing.status, missing.text]).toEqual([404, '']);
  });

  test('says which address is taken, and by whom it was wanted', async () => {
    const door = await start();
    const adapter = createApiAdapter({ maxBodySize: 1 });
    const app = await NestFactory.create(DiagnosticsModule.with(diagnostics()), adapter, { logger: false });
    const opened = openHttpDoor(app, adapter, { host: '127.0.0.1', port: door.port, name: 'diagnostics' });
    await expect(opened).rejects.toThrow(`cannot listen on 127.0.0.1:${door.port} for the diagnostics`);
    await app.close();
  });

  test('throws away a body that it does not want, and goes on with the connection', async () => {
    const door = await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    const put = (headers: Record<string, string>) =>
      new Promise<number | undefined>((resolve, reject) => {
        const sent = request({ port: door.port, path: '/zones/z', method: 'PUT', agent, headers }, (response) => {
          ports.add(response.socket.localPort);
          response.resume();
          response.on('end', () => resolve(response.statusCode));
        });
        sent.on('error', reject).end('A'.repeat(3_000_000));
      });
    expect(await put({ 'x-real-ip': '203.0.113.7' })).toBe(403);
    expect(await put({ 'transfer-encoding': 'chunked' })).toBe(413);
    expect(await put({ 'content-length': '3000000' })).toBe(413);
    expect(ports.size).toBe(1);
    agent.destroy();
  });

  test('lets a request end when it closes, and its connection go', async () => {
    const door = await start({ controllers: [SlowController] });
    const agent = new Agent({ keepAlive: true });
    const running = new Promise<string | undefined>((resolve, reject) => {
      const sent = request({ port: door.port, path: '/slow', agent }, (response) => {
        response.resume();
        response.on('end', () => resolve(response.headers.connection));
      });
      sent.on('error', reject).end();
    });
    await expect.poll(() => waiting.length).toBe(1);
    const closed = door.door.close(60_000);
    waiting.pop()?.();
    expect(await running).toBe('close');
    await closed;
    await expect(door.call('GET', '/')).rejects.toThrow('ECONNREFUSED');
  });

  test('resets what does not end in time', async () => {
    const door = await start({ controllers: [SlowController] });
    const running = door.call('GET', '/slow');
    const refused = expect(running).rejects.toThrow('socket hang up');
    await expect.poll(() => waiting.length).toBe(1);
    await door.door.close(0);
    await refused;
    waiting.pop()?.();
  });
});

describe('diagnostics', () => {
  test('health, readiness and metrics, and nothing else', async () => {
    let reason: string | undefined = 'it waits';
    const parts = { ...diagnostics(), unready: () => reason };
    new Counter({ name: 'koguma_test_total', help: 'for this test', registers: [parts.registry] }).inc();
    const adapter = createApiAdapter({ maxBodySize: 1_000 });
    const app = await NestFactory.create(DiagnosticsModule.with(parts), adapter, { logger: false });
    const door = await openHttpDoor(app, adapter, { host: '127.0.0.1', port: 0, name: 'diagnostics' });
    const get = (path: string) => send(door.port, 'GET', path, { as: { token: 'of nobody' } });

    expect(await get('/healthy')).toMatchObject({ status: 200, text: '' });
    expect(await get('/ready')).toMatchObject({ status: 503, json: { ready: false, reason: 'it waits' } });
    reason = undefined;
    expect(await get('/ready')).toMatchObject({ status: 200, text: '' });
    const metrics = await get('/metrics');
    expect(metrics.headers['content-type']).toBe(parts.registry.contentType);
    expect(metrics.text).toContain('koguma_test_total 1');
    for (const path of ['/', '/zones', '/global-secrets', '/config']) {
      expect(await get(path)).toMatchObject({ status: 404, json: { title: 'Not Found' } });
    }
    await door.close(0);
    await app.close();
  });
});

function diagnostics() {
  return { unready: () => undefined, registry: new Registry() };
}
