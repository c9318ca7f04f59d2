import { sign } from 'node:crypto';
import { type Log, type LogFields, SeededEntropy, VirtualClock } from '@koguma/core';
import { MemoryStore, type ResourceKey, ResourceManager, ResourceView } from '@koguma/resources';
import { expect, onTestFinished } from 'vitest';
import { nodeCrypto } from './adapters/node-crypto.js';
import { Auth, type AuthSettings, type TokenSwitches } from './auth.js';
import type { TokenCrypto } from './crypto.js';
import { KEY, OTHER_KEY } from './keys.contract.js';
import { readOnlyReason } from './ownership.js';
import { type Secret, secretSpec, secretText } from './secrets.js';
import type { StaticKey } from './static-keys.js';
import { type TokenKind, type TokenKindName, tokenKind } from './token-kinds.js';
import { readTokenRequest } from './token-requests.js';
import type { Verdict } from './validator.js';

/** 2026-01-02T03:04:05Z, and the same as tokens write it. */
export const NOW = 1_767_323_045_000;
export const NOW_SECONDS = NOW / 1_000;
export const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const ADMINS = { users: ['mesh-system:admin'], groups: ['mesh-system:admin'] };
const OPEN: TokenSwitches = { enableIssuer: true, useSecrets: true };
const CLOSED: TokenSwitches = { enableIssuer: false, useSecrets: false };

/** A body of `POST /tokens/{kind}` that asks for the least. */
const LEAST: Readonly<Record<TokenKindName, Readonly<Record<string, unknown>>>> = {
  dataplane: { mesh: 'default' },
  'zone-ingress': { zone: 'east' },
  zone: { zone: 'east', scope: ['ingress'] },
  user: { name: 'john', validFor: '1h' },
};

export interface ControlPlaneOptions {
  /** A zone with a global. */
  readonly federated?: boolean;
  readonly switches?: Partial<Record<TokenKind['switches'], Partial<TokenSwitches>>>;
  /** Neither issues tokens nor checks them with keys from secrets. */
  readonly closed?: boolean;
  readonly settings?: Partial<AuthSettings>;
  readonly staticKeys?: readonly StaticKey[];
  readonly crypto?: Partial<TokenCrypto>;
  readonly hint?: () => string;
  /** What an earlier one kept: a control plane that starts again. */
  readonly store?: MemoryStore;
  /** Given what stops it, where it lives longer than one test. */
  readonly onEnd?: (stop: () => Promise<void>) => void;
  /** Where people may write all, as on global; true: the rules of ownership hold. */
  readonly guarded?: boolean;
}

interface LogLine extends LogFields {
  readonly level: string;
  readonly message: string;
}

/**
 * The token system of one control plane on a memory store, at {@link NOW}, until the test ends. Keys that it makes
 * are the two fixtures, in turns.
 */
export async function controlPlane(options: ControlPlaneOptions = {}) {
  const { federated = false, store = new MemoryStore(new SeededEntropy(1).uuid()) } = options;
  const clock = new VirtualClock(NOW);
  const logged: LogLine[] = [];
  const log = keptLog(logged);
  const view = new ResourceView({ store, clock, log });
  await view.load();
  const stopping = new AbortController();
  const following = view.run(stopping.signal);
  (options.onEnd ?? onTestFinished)(() => {
    stopping.abort();
    return following;
  });

  let made = 0;
  const makeKey = async () => (made++ % 2 === 0 ? KEY : OTHER_KEY);
  const basic = options.closed ? CLOSED : OPEN;
  const switches = (family: TokenKind['switches']) => ({ ...basic, ...options.switches?.[family] });
  const auth = new Auth({
    view,
    crypto: { ...nodeCrypto, makeKey, ...options.crypto },
    clock,
    entropy: new SeededEntropy(1),
    log,
    federated,
    settings: {
      switches: {
        dpToken: switches('dpToken'),
        zoneToken: switches('zoneToken'),
        userToken: switches('userToken'),
      },
      staticKeys: options.staticKeys ?? [],
      grants: { adminResources: ADMINS, generateDpToken: ADMINS, generateUserToken: ADMINS, generateZoneToken: ADMINS },
      localhostIsAdmin: true,
      bootstrapAdminToken: true,
      ...options.settings,
    },
    ...(options.hint ? { hint: options.hint } : {}),
  });
  const readOnly = (key: ResourceKey) =>
    options.guarded ? readOnlyReason(key, federated ? 'federated-zone' : 'stand-alone-zone', false) : undefined;
  const hooks = auth.writeHooks;
  const manager = new ResourceManager({ store, view, clock, log, readOnly, hooks, unsafeDelete: false });

  return {
    store,
    clock,
    view,
    auth,
    manager,
    logged,
    /** What a start does before anything is served. */
    start: () => auth.prepare(manager),
    createMesh: (name: string) => manager.put({ type: 'Mesh', mesh: '', name }, {}),
    /** Writes as a person does, by the rules. */
    put: (key: ResourceKey, text: string, labels: Record<string, string> = {}) =>
      manager.put(key, secretSpec(text), labels),
    /** Stores as a peer or an older release does: no rule is asked. */
    arrive: (key: ResourceKey, text: string, labels: Record<string, string> = {}) =>
      manager.system(async (tx) => {
        const draft = { ...key, spec: secretSpec(text), labels, creationTime: NOW, modificationTime: NOW };
        const present = await tx.get(key);
        await (present ? tx.update({ ...draft, version: present.version }) : tx.create(draft));
      }),
    /** Deletes as a peer does. */
    leave: (key: ResourceKey) => manager.system((tx) => tx.delete(key)),
    issue: async (kind: TokenKindName, body: object = {}) => {
      const order = readTokenRequest(kind, { ...LEAST[kind], ...body });
      return auth.issuer.issue(kind, order, order.validForSeconds);
    },
    verify: (token: string, kind: TokenKindName, mesh = meshOf(kind)) => auth.validator.verify(token, kind, mesh),
    /** All secrets, as `mesh/name`; those outside meshes have an empty mesh. */
    secrets: () => [...view.list('Secret'), ...view.list('GlobalSecret')].map(({ mesh, name }) => `${mesh}/${name}`),
    textOf: (key: ResourceKey) => {
      const secret = view.get<Secret>(key);
      return secret && secretText(secret.spec);
    },
  };
}

export type ControlPlane = Awaited<ReturnType<typeof controlPlane>>;

/** Where the key of a serial is kept. */
export function keyName(kind: TokenKindName, serial: number | string = 1, mesh = meshOf(kind)): ResourceKey {
  const row = tokenKind(kind);
  return { type: row.secretType, mesh, name: `${row.signingKeyPrefix(mesh)}-${serial}` };
}

/** Where the revocations of a kind are kept. */
export function listName(kind: TokenKindName, mesh = meshOf(kind)): ResourceKey {
  const row = tokenKind(kind);
  return { type: row.secretType, mesh, name: row.revocations(mesh) };
}

export function globalSecret(name: string): ResourceKey {
  return { type: 'GlobalSecret', mesh: '', name };
}

function meshOf(kind: TokenKindName): string {
  return tokenKind(kind).secretType === 'Secret' ? 'default' : '';
}

/** A segment of a token: bytes as they are, text as UTF-8, anything else as JSON. */
export function segment(part: unknown): string {
  const bytes = typeof part === 'string' || part instanceof Uint8Array ? part : JSON.stringify(part);
  return Buffer.from(bytes).toString('base64url');
}

/** A token with a good RS256 signature, whatever its parts are. */
export function signed(header: unknown, claims: unknown, key = KEY): string {
  return signedSegments(segment(header), segment(claims), key);
}

export function signedSegments(header: string, claims: string, key = KEY): string {
  return `${header}.${claims}.${sign('RSA-SHA256', Buffer.from(`${header}.${claims}`), key.key).toString('base64url')}`;
}

/** Header and claims, in the order in which they are written. */
export function decoded(token: string): { header: string; claims: string; signature: string } {
  const [header = '', claims = '', signature = ''] = token.split('.');
  const text = (part: string) => Buffer.from(part, 'base64url').toString();
  return { header: text(header), claims: text(claims), signature };
}

export function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(decoded(token).claims) as Record<string, unknown>;
}

/** `header, key, not signature`: what was looked at, and what it was refused for. */
export function stepsOf({ steps }: Pick<Verdict, 'steps'>): string {
  return steps.map(({ step, ok }) => (ok ? step : `not ${step}`)).join(', ');
}

/** What a step says. */
export function told({ steps }: Pick<Verdict, 'steps'>, name: string): string {
  return steps.find(({ step }) => step === name)?.detail ?? '';
}

/** Waits until something holds, asking in each turn of the event loop. */
export async function until(holds: () => unknown): Promise<void> {
  const patience = performance.now() + 4_000;
  while (!(await holds())) {
    expect(performance.now(), 'waited 4 s').toBeLessThan(patience);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function keptLog(lines: LogLine[]): Log {
  const keep = (level: string) => (message: string, fields?: LogFields) =>
    void lines.push({ ...fields, level, message });
  const log: Log = { info: keep('info'), warn: keep('warn'), error: keep('error'), scope: () => log };
  return log;
}
