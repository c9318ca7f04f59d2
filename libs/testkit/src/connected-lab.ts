import { nodeCrypto, signOffline, type TokenKindName } from '@koguma/auth';
import { ControlPlaneError, formatDuration, invalid, NANOS_PER_MILLISECOND, systemEntropy } from '@koguma/core';
import { ConnectedLink } from './connected-link.js';
import { ConnectedNode } from './connected-node.js';
import { ConnectedTime } from './connected-time.js';
import type { DrivenLab } from './driven-lab.js';
import { milliseconds } from './duration.js';
import { FaultDoor } from './fault-door.js';
import { Journal } from './journal.js';
import type { UntilOptions } from './lab.js';
import { LabProxy, type ProxyOptions } from './lab-proxy.js';

/** Where the API server of a control plane is, who asks it, and where its proxies connect: on the port that stands beside it when left out. */
export type Address = string | { readonly url: string; readonly token?: string | undefined; readonly proxies?: string };

export interface ConnectOptions {
  /** `http://localhost:5681`, where `kogumactl up` has it, when left out. */
  readonly global?: Address;
  /** By name; `east` and `west` of `kogumactl up` when left out. */
  readonly zones?: Readonly<Record<string, Address>>;
  /** Where faults and clocks are set: `http://localhost:5690` when no address is given, and else nowhere when left out. */
  readonly faults?: string | undefined;
  /** PEM of whom its certificates are of, for proxies and for addresses with `https://`. */
  readonly authority?: string | undefined;
  /** Remembers how each resource was before it was written, so that `leave` puts it back. */
  readonly putsBack?: boolean;
  /** Ends what is waited for. */
  readonly signal?: AbortSignal | undefined;
}

const USUAL_GLOBAL = 'http://localhost:5681';
const USUAL_ZONES = { east: 'http://localhost:6681', west: 'http://localhost:7681' };
const USUAL_FAULTS = 'http://localhost:5690';
const USUAL_LIMIT = '30s';

interface SyncReport {
  readonly zones: readonly {
    readonly zone: string;
    readonly state: string;
    readonly types: readonly { readonly written: number; readonly applied: number | null }[];
  }[];
}

/**
 * Takes hold of a lab that runs, on this machine or elsewhere: by its REST API, its ports for proxies, and where faults and
 * clocks are set. Its time is real: what is waited for takes as long as it takes.
 * @throws ControlPlaneError `unavailable` that names the control plane that does not answer, or is another one; `conflict` when
 * `putsBack` is wanted and something is wrong on purpose already, which would not be so afterwards
 * @example
 * const lab = await connectLab({ zones: { east: 'http://localhost:6681' } });
 * const token = await lab.zone('east').issue('dataplane', { mesh: 'default' });
 */
export async function connectLab(options: ConnectOptions = {}): Promise<ConnectedLab> {
  const lab = new ConnectedLab(options);
  await lab.global.expectMode('global');
  for (const name of lab.zoneNames) await lab.zone(name).expectMode('zone');
  if (options.putsBack && !(await lab.isQuiet()))
    throw new ControlPlaneError(
      'conflict',
      'something is wrong in this lab on purpose: end it first, kogumactl fault reset',
    );
  return lab;
}

/** A lab in other processes. */
export class ConnectedLab implements DrivenLab {
  readonly global: ConnectedNode;
  readonly clock: ConnectedTime;
  readonly #zones = new Map<string, ConnectedNode>();
  readonly #links = new Map<string, ConnectedLink>();
  readonly #proxies = new Set<LabProxy>();
  /** Also those that were stopped. */
  readonly #started: LabProxy[] = [];
  readonly #authority: string | undefined;
  readonly #faults: string | undefined;
  readonly #journal: Journal | undefined;
  readonly #signal: AbortSignal;
  #door: FaultDoor | undefined;

  constructor(options: ConnectOptions) {
    const usual = options.global === undefined && options.zones === undefined ? USUAL_FAULTS : undefined;
    this.#faults = options.faults ?? usual;
    this.#authority = options.authority;
    this.#journal = options.putsBack ? new Journal() : undefined;
    this.#signal = options.signal ?? new AbortController().signal;
    this.clock = new ConnectedTime(this.#openDoor, this.#signal);
    this.global = this.#node('global', options.global ?? USUAL_GLOBAL);
    for (const [name, address] of Object.entries(options.zones ?? USUAL_ZONES)) {
      this.#zones.set(name, this.#node(name, address));
      this.#links.set(name, new ConnectedLink(name, this.#openDoor));
    }
  }

  get zoneNames(): readonly string[] {
    return [...this.#zones.keys()];
  }

  /** @throws TypeError that names the zones that there are */
  zone(name: string): ConnectedNode {
    const zone = this.#zones.get(name);
    if (!zone) throw new TypeError(`this lab has no zone ${name}: it has ${this.zoneNames.join(', ')}`);
    return zone;
  }

  /** The link between a zone and global. @throws TypeError for a zone that there is not */
  link(zone: string): ConnectedLink {
    this.zone(zone);
    return this.#links.get(zone) as ConnectedLink;
  }

  get proxies(): readonly LabProxy[] {
    return [...this.#proxies];
  }

  /** Starts a proxy of a zone, in this process. It goes on trying until it is stopped. @throws ControlPlaneError `invalid` without an `authority` */
  startProxy(zone: string, options: ProxyOptions): LabProxy {
    const { proxies: controlPlane } = this.zone(zone);
    if (controlPlane === undefined)
      throw invalid({ field: 'proxies', reason: `is missing for ${zone}: its address has no port to go by` });
    const authority = this.#authority;
    if (authority === undefined) {
      const reason = 'is missing: proxies speak TLS alone; npm start has it in ~/.koguma/global/ca.crt';
      throw invalid({ field: 'authority', reason });
    }
    const { clock } = this.clock;
    const proxy = new LabProxy(options, { zone, controlPlane, authority, clock, entropy: systemEntropy });
    this.#proxies.add(proxy);
    this.#started.push(proxy);
    return proxy;
  }

  async stopProxy(proxy: LabProxy): Promise<void> {
    this.#proxies.delete(proxy);
    await proxy.stop();
  }

  signOffline(kind: TokenKindName, request: object, key: { kid: string; pem: string }): Promise<string> {
    return signOffline(kind, request, key, { crypto: nodeCrypto, clock: this.clock.clock, entropy: systemEntropy });
  }

  async isSynced(zone: string): Promise<boolean> {
    const { body } = await this.global.get<SyncReport>('/koguma/sync');
    return isSynced(body.zones.find((row) => row.zone === zone));
  }

  async linkState(zone: string): Promise<string> {
    const node = this.zone(zone);
    const answer = node.running ? await node.get<{ state?: string }>('/koguma/sync').catch(() => undefined) : undefined;
    return answer?.body.state ?? 'stopped';
  }

  /** Whether nothing is wrong on purpose, as far as anybody could have done that here. */
  async isQuiet(): Promise<boolean> {
    return this.#faults === undefined || this.#openDoor().isQuiet();
  }

  /** Resolves when every zone of this lab has applied all that global has. @throws as `until` */
  async synced(options: UntilOptions = {}): Promise<void> {
    let late: readonly string[] = [];
    await this.until(
      async () => {
        const { body } = await this.global.get<SyncReport>('/koguma/sync');
        late = this.zoneNames.filter((name) => !isSynced(body.zones.find(({ zone }) => zone === name)));
        return late.length === 0;
      },
      () => `${late.join(', ')} ${late.length === 1 ? 'has' : 'have'} all that global has`,
      options,
    );
  }

  /**
   * Asks again and again until something is so.
   * @returns how many milliseconds it took
   * @throws ControlPlaneError `unavailable` that says what was not so within the limit, 30 s when left out
   */
  async until(
    condition: () => boolean | Promise<boolean>,
    what: string | (() => string),
    { within = USUAL_LIMIT }: UntilOptions = {},
  ): Promise<number> {
    const limit = milliseconds(within);
    const took = await this.clock.passUntil(condition, limit);
    if (took !== undefined) return took;
    const time = formatDuration(BigInt(Math.round(limit)) * NANOS_PER_MILLISECOND);
    throw new ControlPlaneError('unavailable', `waited ${time} until ${typeof what === 'string' ? what : what()}`);
  }

  /**
   * Leaves the lab: proxies that were started here end, nothing is wrong on purpose any more, and with `putsBack` all that
   * was written is as it was before. What was issued stays good.
   * @throws ControlPlaneError `unavailable` that names what could not be put back
   */
  async leave(): Promise<void> {
    const left: string[] = [];
    // Whatever fails, the rest is put back all the same.
    const tried = async (work: Promise<unknown>) => {
      await work.catch((error: unknown) => left.push(ControlPlaneError.from(error).message));
    };
    await Promise.all(this.proxies.map((proxy) => tried(this.stopProxy(proxy))));
    if (this.#door) await tried(this.#door.reset());
    await Promise.all([this.global, ...this.#zones.values()].map((node) => tried(node.start())));
    for (const { zone, path } of this.#started) await tried(this.zone(zone).discard(path));
    // Whoever was interrupted puts back what was written all the same.
    const calm = new ConnectedTime(this.#openDoor, new AbortController().signal);
    const limit = milliseconds(USUAL_LIMIT);
    const undone = this.#journal?.undo(async (isDone) => (await calm.passUntil(isDone, limit)) !== undefined);
    left.push(...((await undone) ?? []));
    if (left.length > 0) throw new ControlPlaneError('unavailable', `could not be put back: ${left.join('; ')}`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }

  readonly #openDoor = (): FaultDoor => {
    if (this.#faults === undefined)
      throw new ControlPlaneError('unimplemented', 'this lab has no door for faults: nobody supervises its processes');
    this.#door ??= new FaultDoor(this.#faults);
    return this.#door;
  };

  #node(name: string, address: Address): ConnectedNode {
    const { url, token, proxies }: Exclude<Address, string> = typeof address === 'string' ? { url: address } : address;
    const at = url.replace(/\/$/, '');
    const client = { token, authority: at.startsWith('https:') ? this.#authority : undefined };
    return new ConnectedNode({
      ...{ name, url: at, client, proxies: proxies ?? usualPortForProxies(at) },
      ...{ time: this.clock, door: this.#openDoor, journal: this.#journal },
    });
  }
}

/** Kuma's ports stand together: 5678 for proxies, where REST is at 5681, and at 5682 with TLS. */
function usualPortForProxies(api: string): string | undefined {
  const { hostname, port, protocol } = new URL(api);
  if (port === '') return undefined;
  return `https://${hostname}:${Number(port) - (protocol === 'https:' ? 4 : 3)}`;
}

function isSynced(row: SyncReport['zones'][number] | undefined): boolean {
  const types = row?.types ?? [];
  return (
    row?.state === 'Online' &&
    types.length > 0 &&
    types.every(({ written, applied }) => applied !== null && applied >= written)
  );
}
