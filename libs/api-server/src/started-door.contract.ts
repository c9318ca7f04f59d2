import { type IncomingHttpHeaders, request } from 'node:http';
import { type AccessGrants, Auth, nodeCrypto, type RsaKey, type TokenCrypto } from '@koguma/auth';
import {
  EventLog,
  type Log,
  type LogFields,
  loadConfig,
  maskConfig,
  SeededEntropy,
  SILENT,
  VirtualClock,
} from '@koguma/core';
import { MemoryStore, type ResourceKey, ResourceManager, ResourceView, type WriteHook } from '@koguma/resources';
import { Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ApiServerModule } from './api-server.module.js';
import { FIXTURE_KEYS } from './fixture-keys.contract.js';
import { type ApiAdapter, createApiAdapter } from './http-adapter.js';
import { openHttpDoor } from './http-door.js';

/** Who calls: the administrator by being local, somebody from elsewhere, or the holder of a token. */
export type Who = 'local' | 'stranger' | { readonly token: string };

export interface Call {
  readonly as?: Who;
  /** Sent as JSON; a string, and bytes, are sent as they are. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string | string[]>>;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks at whatever came
  readonly json: any;
}

export interface DoorOptions {
  readonly maxBodySize?: number;
  readonly readOnly?: (key: ResourceKey) => string | undefined;
  readonly hooks?: readonly WriteHook[];
  readonly localhostIsAdmin?: boolean;
  /** False: tokens of no kind are issued. */
  readonly issuer?: boolean;
  /** Who has some of the rights, in place of the administrators. */
  readonly grants?: Partial<AccessGrants>;
  /** A zone with a global. */
  readonly federated?: boolean;
  readonly crypto?: Partial<TokenCrypto>;
  /** Beside our own, in a module that imports ours. */
  readonly controllers?: Type[];
}

export interface LogLine {
  readonly message: string;
  readonly fields: LogFields | undefined;
}

const keys = FIXTURE_KEYS.map((der) => nodeCrypto.parseKey(Buffer.from(der, 'base64')));
let made = 0;
/** Real signatures, by keys that nobody waits for: they are handed out in turns. */
const crypto: TokenCrypto = { ...nodeCrypto, makeKey: async () => keys[made++ % keys.length] as RsaKey };
const ADMINS = { users: ['mesh-system:admin'], groups: ['mesh-system:admin'] };
const OPEN = { enableIssuer: true, useSecrets: true };
/** 2026-01-02T03:04:05Z */
export const NOW = 1_767_323_045_000;

/** A real REST door of a global control plane on a free port, with keys, the mesh `default`, and a log that is kept. */
export async function startedDoor(options: DoorOptions = {}) {
  const clock = new VirtualClock(NOW);
  const errors: LogLine[] = [];
  const log: Log = { ...SILENT, error: (message, fields) => void errors.push({ message, fields }), scope: () => log };
  const store = new MemoryStore('epoch');
  const view = new ResourceView({ store, clock, log });
  await view.load();
  const stopping = new AbortController();
  const following = view.run(stopping.signal);
  const switches = { ...OPEN, enableIssuer: options.issuer ?? true };
  const auth = new Auth({
    view,
    crypto: { ...crypto, ...options.crypto },
    clock,
    entropy: new SeededEntropy(1),
    log,
    federated: options.federated ?? false,
    settings: {
      switches: { dpToken: switches, zoneToken: switches, userToken: switches },
      staticKeys: [],
      grants: {
        adminResources: ADMINS,
        generateDpToken: ADMINS,
        generateUserToken: ADMINS,
        generateZoneToken: ADMINS,
        ...options.grants,
      },
      localhostIsAdmin: options.localhostIsAdmin ?? true,
      bootstrapAdminToken: false,
    },
  });
  const hooks = [...auth.writeHooks, ...(options.hooks ?? [])];
  const readOnly = options.readOnly ?? (() => undefined);
  const manager = new ResourceManager({ store, view, clock, log, readOnly, hooks, unsafeDelete: false });
  await auth.prepare(manager);
  await manager.put({ type: 'Mesh', mesh: '', name: 'default' }, {});

  const parts = {
    identity: {
      mode: 'global',
      zone: undefined,
      hostname: 'cp-1',
      instanceId: 'cp-1-4be2',
      version: '2.14.3',
      clusterId: () => 'c1',
    } as const,
    manager,
    view,
    auth,
    sync: { report: () => ({ zones: [] }) },
    keys: { report: async () => ({ keys: [] }) },
    timeline: { find: () => [] },
    events: new EventLog(clock),
    clock,
    log,
    config: maskConfig(loadConfig({ role: 'global', env: {} }).config),
    settings: { maxBodySize: options.maxBodySize ?? 100_000 },
  };
  const adapter: ApiAdapter = createApiAdapter(parts.settings);
  @Module({ imports: [ApiServerModule.with(parts)], controllers: options.controllers ?? [] })
  class AppModule {}
  const app = await NestFactory.create(AppModule, adapter, { logger: false });
  const door = await openHttpDoor(app, adapter, { host: '127.0.0.1', port: 0, name: 'API server' });

  return {
    door,
    port: door.port,
    routes: adapter.routes,
    auth,
    clock,
    manager,
    store,
    /** What was logged as an error. */
    errors,
    call: (method: string, path: string, call?: Call) => send(door.port, method, path, call),
    tokenOf: (name: string, ...groups: string[]) =>
      auth.issuer.issue('user', { identity: { Name: name, Groups: groups }, mesh: '' }, 3_600),
    async stop() {
      await door.close(0);
      await app.close();
      stopping.abort();
      await following;
    },
  };
}

export type StartedDoor = Awaited<ReturnType<typeof startedDoor>>;

/** One request on a connection of its own. Not `fetch`, which sets and forbids headers that are tested here. */
export function send(port: number, method: string, path: string, { as = 'local', body, headers = {} }: Call = {}) {
  const credential = typeof as === 'object' ? { authorization: `Bearer ${as.token}` } : {};
  const away = as === 'stranger' ? { 'x-forwarded-for': '203.0.113.7' } : {};
  const isWritten = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
  const payload = isWritten ? body : JSON.stringify(body);
  // Node's client tells no length with GET and DELETE.
  const length = 'transfer-encoding' in headers ? {} : { 'content-length': `${Buffer.byteLength(payload ?? '')}` };
  const type = payload === undefined ? {} : { 'content-type': 'application/json', ...length };
  const all = Object.fromEntries(
    Object.entries({ ...type, ...credential, ...away, ...headers }).filter(([, value]) => value !== ''),
  );
  return new Promise<Reply>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method, path, headers: all, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const isJson = response.headers['content-type'] === 'application/json' && text !== '';
        const json = isJson ? JSON.parse(text) : undefined;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
      });
    });
    sent.on('error', reject);
    sent.end(payload);
  });
}
