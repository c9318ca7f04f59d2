import { type Cancel, type Clock, ControlPlaneError, invalid, type Log } from '@koguma/core';
import type { Resource } from '@koguma/resources';
import type { Admission } from './admission.js';
import { type Credential, type CredentialInfo, unauthenticated } from './credential.js';
import type { Node } from './gen/envoy/config/core/v3/base.js';
import { type Claim, isProxyType, nodeIdOf, type ProxyId, readClaim, readNodeId } from './proxy.js';
import type { ProxyInsights, StreamRecord } from './proxy-insights.js';
import type { Registrations } from './registrations.js';
import { type Sessions, STANDS_ON } from './sessions.js';
import type { Asked, Conversation, Ears, Outcome } from './xds/conversation.js';
import { type Snapshot, snapshotOf, type XdsType } from './xds/snapshot.js';

/** When the right to a stream is looked at: when something changed, at each request (Kuma 2.0), or once (Kuma 2.10). */
export type Recheck = 'onChange' | 'perRequest' | 'perStream';

export interface AdsParts {
  readonly admission: Admission;
  readonly sessions: Sessions;
  readonly registrations: Registrations;
  readonly insights: ProxyInsights;
  readonly recheck: Recheck;
  /** Told of a stream that is ended because its credential is not good any more. */
  readonly expelled: (proxy: ProxyId, credential: CredentialInfo) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** The proxy's side of a stream. */
export interface Peer<Response> {
  send(response: Response): void;
  /** Ends the stream with a status. */
  end(error: ControlPlaneError): void;
}

/** Starts a conversation in one dialect of ADS. */
export type Dialect<Request extends Asked, Response> = new (
  snapshot: Snapshot,
  ears: Ears<Response>,
) => Conversation<Request>;

/** Who is at the other end, once they were let in. */
interface Guest {
  readonly proxy: ProxyId;
  readonly credential: Credential;
  /** What it brings along. */
  readonly said: Claim | undefined;
  /** What it says of its programs. */
  readonly version: unknown;
}

/** How long somebody may be connected without a word. */
const SILENCE_MS = 10_000;
const LONGEST_REASON = 500;

/**
 * One ADS stream of one proxy: who it is, whether it may be that, and as long as it may, what it should have. It ends
 * by itself when that changes.
 */
export class AdsStream<Request extends Asked, Response> {
  readonly #parts: AdsParts;
  readonly #dialect: Dialect<Request, Response>;
  readonly #peer: Peer<Response>;
  /** What the proxy showed; it is not kept once it is proven. */
  #shown: string;
  #guest: Guest | undefined;
  #conversation: Conversation<Request> | undefined;
  #offered: Resource | undefined;
  #isOver = false;
  readonly #undo: Cancel[] = [];

  constructor(parts: AdsParts, dialect: Dialect<Request, Response>, shown: string, peer: Peer<Response>) {
    this.#parts = parts;
    this.#dialect = dialect;
    this.#shown = shown;
    this.#peer = peer;
    const silent = new ControlPlaneError('invalid', `no request came within ${SILENCE_MS / 1000} s`);
    this.#undo.push(parts.clock.after(SILENCE_MS, () => this.end(silent)));
  }

  /** Takes a request; the next one must wait until this is done with. Trouble ends the stream, and is never thrown. */
  async receive(request: Request): Promise<void> {
    if (this.#isOver) return;
    try {
      if (!this.#guest) await this.#begin(request.node);
      else this.#expectAgain(this.#guest, request.node);
      this.#conversation?.hear(request);
    } catch (thrown) {
      const error = ControlPlaneError.from(thrown);
      if (error.code === 'internal') this.#parts.log.error('a proxy could not be served', { error: error.message });
      this.end(error);
    }
  }

  /** The proxy has gone. */
  closed(): void {
    this.#isOver = true;
    this.#conversation = undefined;
    for (const undo of this.#undo.splice(0)) undo();
  }

  /** Tells the proxy why, and ends. */
  end(error: ControlPlaneError): void {
    if (this.#isOver) return;
    this.closed();
    this.#peer.end(error);
  }

  async #begin(node: Node | undefined): Promise<void> {
    const { admission, registrations } = this.#parts;
    const { proxy, said, version } = introduction(node);
    const credential = await admission.authenticatorOf(proxy).prove(this.#shown, proxy);
    this.#shown = '';
    if (this.#isOver) return;
    // Judged and registered in one turn: nothing can be revoked in between.
    const guest = { proxy, credential, said, version };
    admission.judge(credential, proxy, { said, stored: admission.storedOf(proxy) });
    this.#enter(guest);

    if (said) {
      const permit = (stored: Resource | undefined) => admission.judge(credential, proxy, { said, stored });
      const leave = await registrations.register(proxy, said, permit);
      if (this.#isOver) return leave();
      this.#undo.push(leave);
    }
    this.#serve(guest);
  }

  #enter(guest: Guest): void {
    const { proxy, credential } = guest;
    const { sessions, recheck } = this.#parts;
    for (const undo of this.#undo.splice(0)) undo(); // the wait for a first word
    const resource = STANDS_ON.resource(proxy.key);
    const mesh = STANDS_ON.resource({ type: 'Mesh', mesh: '', name: proxy.key.mesh });
    const everything = recheck === 'onChange';
    const remove = sessions.add({
      standsOn: everything ? [resource, mesh, ...credential.standsOn] : [resource],
      expiresAt: everything ? credential.info.expiresAt : undefined,
      recheck: () => this.#recheck(guest),
    });
    this.#undo.push(remove);
    this.#guest = guest;
  }

  #serve({ proxy, credential, version }: Guest): void {
    const stored = this.#parts.admission.storedOf(proxy);
    if (!stored) throw new ControlPlaneError('not_found', `${nodeIdOf(proxy)} was deleted`);
    const record = this.#parts.insights.opened(proxy, credential.info, version);
    this.#undo.push(() => record.close());
    this.#offered = stored;
    this.#conversation = new this.#dialect(snapshotOf(proxy.type, stored.spec), {
      send: (response) => this.#peer.send(response),
      counted: (type, outcome, why) => this.#count(proxy, record, { type, outcome, why }),
    });
  }

  /** Something that the stream stands on moved: its right to go on, or what the proxy should have. */
  #recheck({ proxy, credential, said }: Guest): void {
    if (this.#isOver) return;
    const { admission, recheck } = this.#parts;
    const stored = admission.storedOf(proxy);
    try {
      if (recheck === 'onChange') {
        if (!admission.hasMesh(proxy)) throw meshGone(proxy);
        admission.judge(credential, proxy, { said: this.#conversation ? undefined : said, stored });
      }
      if (!this.#conversation || stored === this.#offered) return;
      if (!stored) throw new ControlPlaneError('not_found', `${nodeIdOf(proxy)} was deleted`);
      this.#offered = stored;
      this.#conversation.offer(snapshotOf(proxy.type, stored.spec));
    } catch (thrown) {
      const error = ControlPlaneError.from(thrown);
      this.end(error);
      if (error.code === 'unauthenticated') this.#parts.expelled(proxy, credential.info);
    }
  }

  #expectAgain({ proxy, credential }: Guest, node: Node | undefined): void {
    const id = nodeIdOf(proxy);
    if (node && node.id !== '' && node.id !== id) {
      const reason = `stream was authenticated for ID ${id}. Received request is for node with ID ${node.id}. Node ID cannot be changed after stream is initialized`;
      throw invalid({ field: 'node.id', reason });
    }
    const { admission, recheck } = this.#parts;
    if (recheck !== 'perRequest') return;
    admission.judge(credential, proxy, { said: undefined, stored: admission.storedOf(proxy) });
  }

  #count(
    proxy: ProxyId,
    record: StreamRecord,
    { type, outcome, why = '' }: { type: XdsType; outcome: Outcome; why: string | undefined },
  ): void {
    record.count(type, outcome);
    if (outcome !== 'rejected') return;
    const reason = why.slice(0, LONGEST_REASON);
    this.#parts.log.warn('a proxy did not take its configuration', { proxy: nodeIdOf(proxy), type, reason });
  }
}

function meshGone({ key }: ProxyId): ControlPlaneError {
  const told = `mesh ${JSON.stringify(key.mesh)} was deleted`;
  return unauthenticated({ told, detail: told });
}

/** What the first request of a stream says of who asks (Kuma's node metadata). */
function introduction(node: Node | undefined): { proxy: ProxyId; said: Claim | undefined; version: unknown } {
  if (!node || node.id === '') throw invalid({ field: 'node.id', reason: 'must be in the first request of a stream' });
  const { 'dataplane.proxyType': type = 'dataplane', 'dataplane.resource': resource, version } = node.metadata ?? {};
  const field = (name: string) => `node.metadata["dataplane.${name}"]`;
  if (!isProxyType(type)) throw invalid({ field: field('proxyType'), reason: 'must be dataplane, ingress or egress' });
  const proxy = readNodeId(type, node.id);
  const brings = typeof resource === 'string' && resource !== '';
  return { proxy, said: brings ? readClaim(proxy, resource, field('resource')) : undefined, version };
}
