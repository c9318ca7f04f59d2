import type { Clock, Log } from '@koguma/core';
import type { ResourceKey, ResourceManager, ResourceView } from '@koguma/resources';
import type { TokenIssuer } from './issuer.js';
import { ADMIN_TOKEN_NAME, type Secret, secretRole, secretSpec, secretText } from './secrets.js';
import { ADMIN } from './users.js';
import type { TokenValidator } from './validator.js';

const KEY: ResourceKey = { type: 'GlobalSecret', mesh: '', name: ADMIN_TOKEN_NAME };
const TEN_YEARS = 87_600 * 3_600;
/** A token that cannot verify any more. One that somebody revoked stays as it is: that was meant. */
const PAST_USE = ['expired', 'unknown_kid', 'bad_signature', 'malformed', 'algorithm_not_allowed', 'identity_mismatch'];

interface Parts {
  readonly issuer: TokenIssuer;
  readonly validator: TokenValidator;
  readonly manager: ResourceManager;
  readonly view: ResourceView;
  readonly clock: Clock;
  readonly log: Log;
  /** Of several replicas one makes it: what its writes are made with. */
  readonly fence: () => number | undefined;
}

/** The administrator's token, made at first start and kept as a secret of this control plane alone. */
export class AdminToken {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Makes it when it is missing, then keeps it good: it is made anew when the key that signed it is gone or replaced. */
  async run(signal: AbortSignal): Promise<void> {
    const { view } = this.#parts;
    let wake: () => void = () => undefined;
    let changed = false;
    const unsubscribe = view.onChange(({ reset, entries }) => {
      changed ||= reset || entries.some(({ key }) => isUserKey(key));
      if (changed) wake();
    });
    const stop = () => wake();
    signal.addEventListener('abort', stop);
    await this.#ensure('missing or past use');
    while (!signal.aborted) {
      if (!changed) await new Promise<void>((resolve) => (wake = resolve));
      if (signal.aborted) break;
      changed = false;
      await this.#ensure('past use');
    }
    unsubscribe();
    signal.removeEventListener('abort', stop);
  }

  async #ensure(when: 'missing or past use' | 'past use'): Promise<void> {
    const { validator, view, manager, issuer, clock, log, fence } = this.#parts;
    const stored = view.get<Secret>(KEY);
    if (!stored && when === 'past use') return; // deleted by somebody: it stays away until the next start
    const verdict = stored && (await validator.verify(secretText(stored.spec).trim(), 'user'));
    if (verdict && !PAST_USE.includes(verdict.reason ?? '')) return;
    try {
      const identity = { Name: ADMIN.name, Groups: [ADMIN.name] };
      const token = await issuer.issue('user', { identity, mesh: '' }, TEN_YEARS);
      const now = clock.wall();
      const isMade = await manager.system(async (tx) => {
        const present = await tx.get(KEY);
        if (present?.version !== stored?.version) return false; // somebody deleted or replaced it meanwhile: that was meant
        const draft = { ...KEY, spec: secretSpec(token), labels: {}, creationTime: now, modificationTime: now };
        if (present) await tx.update({ ...present, ...draft });
        else await tx.create(draft);
        return true;
      }, fence());
      if (isMade)
        log.info('made the admin user token', { name: KEY.name, because: verdict?.reason ?? 'there was none' });
    } catch (error) {
      log.warn('cannot make the admin user token', { error: (error as Error).message });
    }
  }
}

function isUserKey(key: ResourceKey): boolean {
  const role = secretRole(key);
  return role.role === 'signing-key' && role.kind === 'user';
}
