import { isKeptLocal, type Secret, secretRole, secretText, TOKEN_KINDS, tokenKind } from '@koguma/auth';
import type { Lab, LabProxy } from '@koguma/testkit';
import type { InvariantName } from './invariant-names.js';
import type { KnownToken, Stage } from './stage.js';

/** What global says, or what happened, is everywhere on good links within this, in ms of the lab's time. */
const BOUND_MS = 2_000;
/** Three heartbeats of 5 s, one more until the other end is told, and a second. */
const STALE_SEEN_MS = 21_000;
/** At most so often, where nothing changed. */
const EVERY_MS = 1_000;

/** Kinds of tokens that are good in all of a lab. */
const CROSSING = TOKEN_KINDS.filter(({ crossing }) => crossing !== 'never');

export interface Breach {
  readonly invariant: InvariantName;
  readonly node: string;
  readonly text: string;
}

/** Watches, all along, what must hold whatever a scenario does. Looks at the control planes themselves, not at what they say. */
export class Watch {
  readonly #stage: Stage;
  readonly #lab: Lab;
  readonly #breached: (breach: Breach) => void;
  readonly #told = new Set<string>();
  /** Since when each zone has had a good link, on `passed`. */
  readonly #goodSince = new Map<string, number>();
  /** Since when each zone cannot hear, or is not heard. */
  readonly #badSince = new Map<string, number>();
  #lookedAt = Number.NEGATIVE_INFINITY;
  #seen = '';

  /** @param breached told once for each invariant and control plane */
  constructor(stage: Stage, lab: Lab, breached: (breach: Breach) => void) {
    this.#stage = stage;
    this.#lab = lab;
    this.#breached = breached;
  }

  /** Looks at everything, if something may have changed. */
  async look(): Promise<void> {
    this.#followLinks();
    const seen = this.#fingerprint();
    if (seen === this.#seen && this.#now - this.#lookedAt < EVERY_MS) return;
    this.#seen = seen;
    this.#lookedAt = this.#now;
    for (const zone of this.#zones()) {
      this.#secretsStayHome(zone);
      this.#staleIsVisible(zone);
      if (!this.#isGood(zone)) continue;
      this.#keysAreTheSame(zone);
      this.#listsAreSupersets(zone);
    }
    for (const proxy of this.#lab.proxies) this.#mayBeConnected(proxy);
    for (const token of this.#stage.tokens.values()) await this.#isJudgedWell(token);
  }

  get #now(): number {
    return this.#lab.clock.passed;
  }

  #zones(): string[] {
    return this.#lab.zoneNames.filter((name) => this.#lab.zone(name).running);
  }

  #fingerprint(): string {
    const { tokens } = this.#stage;
    const lab = this.#lab;
    const revisions = this.#zones().map((name) => [name, lab.zone(name).served.view.revision.n]);
    const proxies = lab.proxies.map(({ name, state }) => [name, state]);
    const global = lab.global.running ? lab.global.served.view.revision.n : 'stopped';
    return JSON.stringify([revisions, global, proxies, tokens.size, [...this.#goodSince]]);
  }

  #followLinks(): void {
    const lab = this.#lab;
    for (const name of lab.zoneNames) {
      const link = lab.link(name).condition;
      const both = lab.global.running && lab.zone(name).running;
      const good = both && link === 'up' && lab.zone(name).served.link?.state === 'in-sync';
      const bad = both && (link === 'cut' || link === 'half-open');
      follow(this.#goodSince, name, good, this.#now);
      follow(this.#badSince, name, bad, this.#now);
    }
  }

  /** Whether what was written longer ago than the bound must be there. */
  #isGood(zone: string): boolean {
    const since = this.#goodSince.get(zone);
    return since !== undefined && this.#now - Math.max(since, this.#stage.movedAt) >= BOUND_MS;
  }

  async #isJudgedWell(known: KnownToken): Promise<void> {
    const lab = this.#lab;
    const { token, kind, mesh, as, revokedAt, issuedAt } = known;
    if (tokenKind(kind).crossing === 'never' || !lab.global.running) return;
    const here = await lab.global.served.auth.validator.verify(token, kind, mesh);
    if (revokedAt !== undefined && here.accepted) this.#breach('revoked-not-accepted', 'global', `${as} is accepted`);
    for (const name of this.#zones()) {
      if (!this.#isGood(name) || this.#now - Math.max(issuedAt, revokedAt ?? 0) < BOUND_MS) continue;
      const zone = lab.zone(name);
      const there = await zone.served.auth.validator.verify(token, kind, mesh);
      if (revokedAt !== undefined && there.accepted)
        this.#breach(
          'revoked-not-accepted',
          name,
          `${as} is accepted, ${this.#now - revokedAt} ms after it was revoked`,
        );
      const sameTime = zone.now === lab.global.now;
      if (here.accepted && !there.accepted && sameTime)
        this.#breach('issued-verifies-everywhere', name, `${as} is refused (${there.reason}), and global accepts it`);
    }
  }

  #mayBeConnected({ name, zone, state, token: shown }: LabProxy): void {
    if (state !== 'connected' || !this.#lab.zone(zone).running) return;
    const known = [...this.#stage.tokens.values()].find(({ token }) => token === shown);
    if (!known) return;
    const { kind, mesh, kid, as, revokedAt } = known;
    const keys = this.#lab.zone(zone).served.auth.keys.list(kind, mesh);
    if (!keys.some((key) => key.kid === kid))
      this.#breach('no-orphan-stream', zone, `${name} is connected by key ${kid}, which ${zone} does not have`);
    if (revokedAt !== undefined && this.#isGood(zone) && this.#now - revokedAt >= BOUND_MS)
      this.#breach('revoked-not-connected', zone, `${name} is connected with ${as}, which was revoked`);
  }

  #keysAreTheSame(zone: string): void {
    const lab = this.#lab;
    const { keys: there } = lab.global.served.auth;
    const { keys: here } = lab.zone(zone).served.auth;
    const meshes = lab.global.served.view.list('Mesh').map(({ name }) => name);
    for (const { kind, secretType } of CROSSING) {
      for (const mesh of secretType === 'Secret' ? meshes : [''])
        for (const { kid, key } of here.list(kind, mesh)) {
          const other = there.list(kind, mesh).find((one) => one.kid === kid);
          if (other && other.key.thumbprint !== key.thumbprint)
            this.#breach('one-kid-one-key', zone, `${kind} key ${kid} is another key than on global`);
        }
    }
  }

  #listsAreSupersets(zone: string): void {
    const lab = this.#lab;
    for (const type of ['Secret', 'GlobalSecret'] as const) {
      for (const list of lab.global.served.view.list(type)) {
        if (secretRole(list).role !== 'revocations' || isKeptLocal(list)) continue;
        const here = idsOf(lab.zone(zone).served.view.get(list) as Secret | undefined);
        const lacking = idsOf(list as Secret).filter((id) => !here.includes(id));
        if (lacking.length > 0) this.#breach('zone-list-superset', zone, `${list.name} lacks ${lacking.join(', ')}`);
      }
    }
  }

  #secretsStayHome(zone: string): void {
    const { hasUserKey } = this.#stage;
    const lab = this.#lab;
    const here = lab.zone(zone).served;
    const leaked = here.view.list('GlobalSecret').find((secret) => {
      const role = secretRole(secret);
      return role.role === 'signing-key' && tokenKind(role.kind).crossing === 'public';
    });
    if (leaked) this.#breach('no-private-zone-key-in-zone', zone, `${leaked.name} is in its store`);
    if (!lab.global.running || hasUserKey.has(zone)) return;
    const own = here.auth.keys.list('user', '').map(({ key }) => key.thumbprint);
    const crossed = lab.global.served.auth.keys.list('user', '').find(({ key }) => own.includes(key.thumbprint));
    if (crossed) this.#breach('user-key-stays-home', zone, `the user key ${crossed.kid} of global is there`);
  }

  #staleIsVisible(zone: string): void {
    const lab = this.#lab;
    const since = this.#badSince.get(zone);
    if (since === undefined || this.#now - since < STALE_SEEN_MS) return;
    const seconds = Math.round((this.#now - since) / 1000);
    if (lab.zone(zone).served.link?.state === 'in-sync')
      this.#breach('stale-is-visible', zone, `it takes itself to be in sync, after ${seconds} s of a bad link`);
    const { zones } = lab.global.served.kds.report() as { zones: { zone: string; state: string }[] };
    if (zones.find((row) => row.zone === zone)?.state === 'Online')
      this.#breach('stale-is-visible', 'global', `${zone} is shown as Online, after ${seconds} s of a bad link`);
  }

  #breach(invariant: InvariantName, node: string, text: string): void {
    const key = `${invariant} ${node}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#breached({ invariant, node, text });
  }
}

function follow(since: Map<string, number>, name: string, isSo: boolean, now: number): void {
  if (!isSo) since.delete(name);
  else if (!since.has(name)) since.set(name, now);
}

function idsOf(list: Secret | undefined): string[] {
  return list
    ? secretText(list.spec)
        .split(/[\s,]+/)
        .filter(Boolean)
    : [];
}
