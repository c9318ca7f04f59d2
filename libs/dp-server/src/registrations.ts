import { isDeepStrictEqual } from 'node:util';
import { type Cancel, type Clock, ControlPlaneError, type Log } from '@koguma/core';
import { keyText, type Resource, type ResourceKey, type ResourceManager, type ResourceView } from '@koguma/resources';
import type { Claim, ProxyId } from './proxy.js';
import type { ProxyInsights } from './proxy-insights.js';

interface Parts {
  readonly manager: ResourceManager;
  readonly view: ResourceView;
  readonly insights: Pick<ProxyInsights, 'isElsewhere'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly zone: string;
  /** How long what a proxy brought stays after it left (Kuma's `xdsServer.dataplaneDeregistrationDelay`). */
  readonly delayMs: number;
}

/** What a service account is compared with: no proxy's word on it counts. */
const KUBERNETES = 'k8s.kuma.io/';

/** Keeps the resources that proxies bring along: stored when they come, taken away some time after they left. */
export class Registrations {
  readonly #parts: Parts;
  /** How many streams are open of each proxy that brought its resource. */
  readonly #present = new Map<string, number>();
  readonly #leaving = new Map<string, Cancel>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Stores what a proxy brought, unless that is stored already.
   * @param permit asked inside the transaction with what is stored then; what it throws refuses the whole
   * @returns what to call once the proxy has left
   */
  async register(proxy: ProxyId, said: Claim, permit: (stored: Resource | undefined) => void): Promise<Cancel> {
    const { manager, view, zone } = this.#parts;
    const { type, key } = proxy;
    const name = keyText(key);
    const stored = view.get(key);
    const wanted = {
      spec: type === 'dataplane' ? said.spec : { ...said.spec, zone },
      labels: { ...without(said.labels), ...only(stored?.labels ?? {}) },
    };
    if (!isSame(stored, wanted)) await manager.put(key, wanted.spec, wanted.labels, { permit });
    this.#stay(name);
    this.#present.set(name, (this.#present.get(name) ?? 0) + 1);
    return () => this.#left(proxy, wanted);
  }

  /** Takes nothing away any more: proxies of a control plane that stops will come back. */
  stop(): void {
    for (const name of this.#leaving.keys()) this.#stay(name);
    this.#present.clear();
  }

  #stay(name: string): void {
    this.#leaving.get(name)?.();
    this.#leaving.delete(name);
  }

  #left(proxy: ProxyId, brought: Claim): void {
    const name = keyText(proxy.key);
    const streams = this.#present.get(name);
    if (streams === undefined) return;
    if (streams > 1) return void this.#present.set(name, streams - 1);
    this.#present.delete(name);
    const { clock, delayMs } = this.#parts;
    this.#leaving.set(
      name,
      clock.after(delayMs, () => {
        this.#leaving.delete(name);
        // One that went over to another replica is that one's to take away.
        if (!this.#parts.insights.isElsewhere(proxy)) void this.#remove(proxy.key, brought);
      }),
    );
  }

  /** What somebody else wrote meanwhile is theirs. */
  async #remove(key: ResourceKey, brought: Claim): Promise<void> {
    const { manager, log } = this.#parts;
    try {
      const permit = (stored: Resource | undefined) => {
        if (!isSame(stored, brought)) throw new ControlPlaneError('conflict', 'somebody else wrote it');
      };
      await manager.delete(key, { permit });
    } catch (error) {
      if (['conflict', 'not_found'].includes(ControlPlaneError.from(error).code)) return;
      log.warn('cannot take away what a proxy brought', { ...key, error: ControlPlaneError.from(error).message });
    }
  }
}

/** Labels of a control plane come on top of what was brought. */
function isSame(stored: Resource | undefined, { spec, labels }: Claim): boolean {
  if (!stored || !isDeepStrictEqual(stored.spec, spec)) return false;
  return Object.entries(labels).every(([label, value]) => stored.labels[label] === value);
}

function without(labels: Claim['labels']): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([label]) => !label.startsWith(KUBERNETES)));
}

function only(labels: Claim['labels']): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([label]) => label.startsWith(KUBERNETES)));
}
