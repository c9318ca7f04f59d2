import type { Reading } from './read.js';
import { type Config, type Path, SETTINGS } from './settings.js';
import { type Role, type Setting, type Value, valueAt } from './table.js';
import { isLoopback, port } from './values.js';

/** What settings must be together, beyond what each must be alone. */
type Rule = (config: Config, role: Role, reading: Reading<typeof SETTINGS>) => void;

const modeFitsRole: Rule = ({ mode }, role, reading) => {
  if (mode !== role) reading.refuse(`but this is a ${role} control plane: leave it out or set it to ${role}`, 'mode');
};

const standaloneHasNoGlobal: Rule = ({ mode, multizone }, role, reading) => {
  if (role !== 'zone' || mode !== 'zone' || reading.writtenFor('mode') !== 'standalone') return;
  const name = reading.nameOf('mode');
  reading.warnings.push(`${name} "standalone" is an old word for a zone without a global address; use "zone"`);
  if (multizone.zone.globalAddress === '') return;
  const reason = `but ${name} "standalone" is a zone without one: leave one of them out`;
  reading.refuse(reason, 'multizone.zone.globalAddress', 'mode');
};

const portsDiffer: Rule = (config, role, reading) => {
  const taken = new Map<unknown, Path>();
  for (const [path, number] of portsOf(config, role)) {
    const other = taken.get(number);
    if (other) reading.refuse(`which is the port of ${reading.nameOf(other)} too: give each its own`, path, other);
    else if (number !== 0) taken.set(number, path);
  }
};

/** KDS hands out every private signing key, so it never leaves the machine by accident. */
const exposedKdsIsMeant: Rule = ({ koguma, multizone }, role, reading) => {
  const { interface: address, authType } = koguma.multizone.global.kds;
  if (role !== 'global' || isLoopback(address)) return;
  const risk = `anyone who reaches port ${multizone.global.kds.grpcPort} there is given the signing keys`;
  if (authType === 'none') {
    reading.warnings.push(
      `${reading.nameOf('koguma.multizone.global.kds.interface')} is ${address} without auth: ${risk}`,
    );
  } else {
    const consent = `${reading.nameOf('koguma.multizone.global.kds.authType')} to none to accept that`;
    const reason = `which is not loopback: ${risk}; use 127.0.0.1, or set ${consent}`;
    reading.refuse(reason, 'koguma.multizone.global.kds.interface', 'koguma.multizone.global.kds.authType');
  }
};

const reconnectGrows: Rule = ({ koguma }, role, reading) => {
  const { base, max } = koguma.multizone.zone.reconnect;
  if (role !== 'zone' || base <= max) return;
  const other = reading.nameOf('koguma.multizone.zone.reconnect.max');
  const paths = ['koguma.multizone.zone.reconnect.base', 'koguma.multizone.zone.reconnect.max'] as const;
  reading.refuse(`which is longer than ${other}: the wait grows from the one to the other`, ...paths);
};

const tlsFilesFitMode: Rule = ({ store }, _role, reading) => {
  if (store.type !== 'postgres') return;
  const { mode, caPath, certPath, keyPath } = store.postgres.tls;
  const path = (name: 'caPath' | 'certPath' | 'keyPath') => `store.postgres.tls.${name}` as const;
  if ((mode === 'verifyCa' || mode === 'verifyFull') && caPath === '') {
    const reason = `which needs the certificate of an authority: set ${reading.nameOf(path('caPath'))}`;
    reading.refuse(reason, 'store.postgres.tls.mode', path('caPath'));
  }
  if ((certPath === '') === (keyPath === '')) return;
  const [given, other] =
    certPath === '' ? ([path('keyPath'), path('certPath')] as const) : ([path('certPath'), path('keyPath')] as const);
  reading.refuse(`which is of no use alone: set ${reading.nameOf(other)} too`, given, other);
};

/** The store holds every private signing key. */
const plainPostgresIsTold: Rule = ({ store }, _role, reading) => {
  const { host, tls } = store.postgres;
  if (store.type !== 'postgres' || tls.mode !== 'disable' || host.startsWith('/') || isLoopback(host)) return;
  const mode = reading.nameOf('store.postgres.tls.mode');
  reading.warnings.push(`signing keys go to PostgreSQL on ${host} in the clear: ${mode} verifyFull protects them`);
};

const AUTH_TYPES = ['dpServer.authn.dpProxy.type', 'dpServer.authn.zoneProxy.type'] as const;

/** Who leaves the door open is told each time. */
const openDoorIsTold: Rule = (config, role, reading) => {
  if (role !== 'zone') return;
  for (const path of AUTH_TYPES) {
    if (valueAt(config, path) !== 'none') continue;
    const who = path.includes('dpProxy') ? 'any proxy can pass for any service' : 'anybody can pass for a zone proxy';
    reading.warnings.push(
      `AUTHENTICATION IS OFF: ${reading.nameOf(path)} is none, so ${who}; never do this in production`,
    );
  }
};

/** Tokens of service accounts are checked in exactly one way, which is whole. */
const serviceAccountsCanBeChecked: Rule = (config, role, reading) => {
  const using = AUTH_TYPES.find((path) => valueAt(config, path) === 'serviceAccountToken');
  if (role !== 'zone' || !using) return;
  const { jwksUri, tokenReviewUri, issuer, audience, credentialFile } = config.koguma.dpServer.authn.serviceAccount;
  const path = <N extends string>(name: N) => `koguma.dpServer.authn.serviceAccount.${name}` as const;
  const name = (of: Path) => reading.nameOf(of);
  if ((jwksUri === '') === (tokenReviewUri === '')) {
    const both = `${name(path('jwksUri'))} (keys of the cluster) or ${name(path('tokenReviewUri'))} (its API)`;
    reading.refuse(`which needs one way to check them: set either ${both}`, using);
  } else if (jwksUri !== '' && (issuer === '' || audience === '')) {
    const needed = `${name(path('issuer'))} and ${name(path('audience'))}`;
    reading.refuse(`which says nothing of whose tokens count: set ${needed}`, path('jwksUri'));
  } else if (tokenReviewUri !== '' && credentialFile === '') {
    const needed = name(path('credentialFile'));
    reading.refuse(`where nobody is heard without a credential: set ${needed}`, path('tokenReviewUri'));
  }
};

/** Every rule, in the order in which refusals are told. */
export const RULES: readonly Rule[] = [
  modeFitsRole,
  standaloneHasNoGlobal,
  portsDiffer,
  exposedKdsIsMeant,
  reconnectGrows,
  tlsFilesFitMode,
  plainPostgresIsTold,
  openDoorIsTold,
  serviceAccountsCanBeChecked,
];

/** The ports that a control plane of this role listens on: each row that holds one, so that a new row needs no rule. */
function portsOf(config: Config, role: Role): [Path, unknown][] {
  const rows = Object.entries(SETTINGS) as [Path, Setting<Value>][];
  const listened = rows.filter(([, { schema, onlyFor = role }]) => schema === port && onlyFor === role);
  return listened.map(([path]) => [path, valueAt(config, path)]);
}
