import { type Proof, secretRole, type TokenValidator } from '@koguma/auth';
import { type Cancel, type Clock, ControlPlaneError, type Log } from '@koguma/core';
import type { ResourceView } from '@koguma/resources';
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';
import type { GlobalReport, ZoneReport } from './gen/koguma/v1/sync.js';
import { type Hello, heldUntil, type KdsEndpoint, type StreamIn, type StreamOut } from './link.js';

interface Parts {
  /** What stands behind: it sees only what was let in. */
  readonly endpoint: KdsEndpoint;
  readonly validator: Pick<TokenValidator, 'prove' | 'judge'>;
  readonly view: ResourceView;
  readonly clock: Clock;
  readonly log: Log;
}

/** A stream that was let in, and may not stay for ever. */
interface Guest {
  readonly hello: Hello;
  readonly proof: Proof;
  end(reason: ControlPlaneError): void;
}

const REMEDY =
  'make a zone token with scope cp for this zone on global, and put it into the file KOGUMA_MULTIZONE_ZONE_KDS_TOKEN_FILE of the zone';

/**
 * Lets zones in that prove who they are, by a zone token of scope `cp` for their own name, on every stream and call of
 * KDS. The right to be here is looked at again whenever keys or revocations of zone tokens change, and when a token
 * expires by the wall clock: what is no longer good ends its streams, with the reason.
 */
export class Admission implements KdsEndpoint {
  readonly #parts: Parts;
  readonly #guests = new Set<Guest>();
  #alarm: { readonly at: number; readonly cancel: Cancel } | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    // Keys and revocations followed the view before this does, so they are those of the change already.
    parts.view.onChange(({ reset, entries }) => {
      if (reset || entries.some(({ key }) => concernsZoneTokens(secretRole(key)))) this.#lookAgain();
    });
  }

  globalToZone(hello: Hello, send: StreamOut<Uint8Array>): StreamIn<DeltaDiscoveryRequest> {
    return this.#guarded(hello, send, (out) => this.#parts.endpoint.globalToZone(hello, out));
  }

  zoneToGlobal(hello: Hello, send: StreamOut<DeltaDiscoveryRequest>): StreamIn<DeltaDiscoveryResponse> {
    return this.#guarded(hello, send, (out) => this.#parts.endpoint.zoneToGlobal(hello, out));
  }

  heartbeat(hello: Hello, send: StreamOut<GlobalReport>): StreamIn<ZoneReport> {
    return this.#guarded(hello, send, (out) => this.#parts.endpoint.heartbeat(hello, out));
  }

  /** @throws ControlPlaneError `unauthenticated` */
  async healthCheck(hello: Hello): Promise<number> {
    const proof = await this.#prove(hello);
    this.#admit(hello, proof);
    return this.#parts.endpoint.healthCheck(hello);
  }

  /** A stream that reaches the endpoint once its zone is let in, in the turn in which that was decided. */
  #guarded<In, Out>(hello: Hello, send: StreamOut<Out>, accept: (send: StreamOut<Out>) => StreamIn<In>): StreamIn<In> {
    let inner: StreamIn<In> | undefined;
    let guest: Guest | undefined;
    let over = false;
    /** True the first time: each side is told once. */
    const leave = (): boolean => {
      if (over) return false;
      over = true;
      if (guest) this.#guests.delete(guest);
      if (this.#guests.size === 0) this.#silence();
      return true;
    };
    const end = (reason: ControlPlaneError) => {
      if (!leave()) return;
      inner?.closed(reason);
      send.end(reason);
    };
    const out: StreamOut<Out> = {
      send: (message) => over || send.send(message),
      end: (error) => leave() && send.end(error),
    };
    const admitted = this.#prove(hello).then((proof) => {
      if (over) return;
      this.#admit(hello, proof);
      guest = { hello, proof, end };
      this.#guests.add(guest);
      this.#watchExpiry(guest);
      inner = accept(out);
    });
    const receive: StreamIn<In> = {
      message: (message) => over || inner?.message(message),
      closed: (reason) => leave() && inner?.closed(reason),
    };
    return heldUntil(admitted, receive, (error) => {
      const reason = ControlPlaneError.from(error);
      if (reason.code === 'internal') this.#parts.log.error('a stream could not be served', { error: reason.message });
      end(reason);
    });
  }

  async #prove({ zone, token }: Hello): Promise<Proof> {
    if (token !== '') return this.#parts.validator.prove(token, 'zone', '');
    throw this.#refusal(zone, 'it shows no token', {});
  }

  /** Decides from memory. @throws ControlPlaneError `unauthenticated` */
  #admit(hello: Hello, proof: Proof): void {
    const { reason, steps, identity } = this.#parts.validator.judge(proof);
    const { kid, jti } = proof.token ?? {};
    const facts = { kid, jti };
    if (!identity) {
      const detail = steps.at(-1)?.detail ?? 'the token is refused';
      // Who cannot sign learns nothing of the keys and lists that are here.
      throw this.#refusal(hello.zone, proof.key ? detail : 'the token is not good here', {
        ...facts,
        detail: `${reason}: ${detail}`,
      });
    }
    const { Zone, Scope } = identity as { Zone: string; Scope: readonly string[] };
    if (!Scope.includes('cp'))
      throw this.#refusal(hello.zone, `the token has scope ${Scope.join(', ') || 'none'}, not cp`, facts);
    if (Zone !== hello.zone)
      throw this.#refusal(hello.zone, `the token is for ${Zone === '' ? 'no zone' : `zone ${Zone}`}`, facts);
  }

  #refusal(zone: string, told: string, facts: Readonly<Record<string, unknown>>): ControlPlaneError {
    this.#parts.log.warn('a zone is not let in', { zone, reason: told, ...facts });
    return new ControlPlaneError('unauthenticated', `global does not let this zone in: ${told}; ${REMEDY}`);
  }

  #lookAgain(): void {
    for (const guest of [...this.#guests]) {
      try {
        this.#admit(guest.hello, guest.proof);
      } catch (error) {
        guest.end(ControlPlaneError.from(error));
      }
    }
  }

  /** One alarm, for whoever's time is over first. */
  #watchExpiry({ proof }: Guest): void {
    const at = expiryOf(proof);
    if (this.#alarm && this.#alarm.at <= at) return;
    this.#silence();
    const ring = () => {
      this.#alarm = undefined;
      this.#lookAgain();
      const next = [...this.#guests].sort((a, b) => expiryOf(a.proof) - expiryOf(b.proof))[0];
      if (next) this.#watchExpiry(next);
    };
    this.#alarm = { at, cancel: this.#parts.clock.at(at, ring) };
  }

  #silence(): void {
    this.#alarm?.cancel();
    this.#alarm = undefined;
  }
}

/** In milliseconds of `wall`. */
function expiryOf({ token }: Proof): number {
  return (token?.expiresAt ?? 0) * 1_000;
}

function concernsZoneTokens(secret: ReturnType<typeof secretRole>): boolean {
  return 'kind' in secret && secret.kind === 'zone';
}
