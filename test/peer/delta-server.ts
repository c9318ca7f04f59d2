import type { DiscoveryRequest, DiscoveryResponse, WireResource } from './messages.js';

interface Parts {
  /** All that the other side should have of a type, now. */
  readonly snapshot: (type: string) => readonly WireResource[];
  readonly send: (response: Partial<DiscoveryResponse>) => void;
  /** Who answers: `global`, or the name of a zone. */
  readonly identifier: string;
}

interface Watch {
  /** Versions by name, as they were delivered: a refusal changes nothing of that. */
  delivered: Map<string, string>;
  /** The last response was answered, so that the next may go out. */
  open: boolean;
}

/**
 * The answering side of one delta stream, as Kuma's copy of go-control-plane does it: nonces count up over all types,
 * one response of a type is under way, no nonce is ever compared, and a request without one is answered at once.
 */
export class DeltaServer {
  readonly #parts: Parts;
  readonly #watches = new Map<string, Watch>();
  #nonce = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  request({ typeUrl, responseNonce, initialResourceVersions }: DiscoveryRequest): void {
    const watch = this.#watches.get(typeUrl) ?? {
      delivered: new Map(Object.entries(initialResourceVersions)),
      open: true,
    };
    watch.open = true;
    this.#watches.set(typeUrl, watch);
    this.#respond(typeUrl, watch, responseNonce === '');
  }

  changed(type: string): void {
    const watch = this.#watches.get(type);
    if (watch?.open) this.#respond(type, watch, false);
  }

  /** Sends what nobody asked for. */
  push(typeUrl: string, resources: readonly WireResource[]): void {
    const { send, identifier } = this.#parts;
    send({ typeUrl, resources, nonce: String(++this.#nonce), controlPlane: { identifier } });
  }

  #respond(typeUrl: string, watch: Watch, evenIfEmpty: boolean): void {
    const now = new Map(this.#parts.snapshot(typeUrl).map((resource) => [resource.name, resource]));
    const resources = [...now.values()].filter(({ name, version }) => watch.delivered.get(name) !== version);
    const removedResources = [...watch.delivered.keys()].filter((name) => !now.has(name));
    if (resources.length === 0 && removedResources.length === 0 && !evenIfEmpty) return;
    watch.open = false;
    watch.delivered = new Map([...now].map(([name, { version }]) => [name, version]));
    const { send, identifier } = this.#parts;
    send({ typeUrl, resources, removedResources, nonce: String(++this.#nonce), controlPlane: { identifier } });
  }
}
