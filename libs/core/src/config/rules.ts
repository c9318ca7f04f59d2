import { PROXY_RULES } from './proxy-rules.js';
import { bothOrNone, type Rule } from './rule.js';
import { type Config, type Path, SETTINGS } from './settings.js';
import { type Role, type Setting, type Value, valueAt } from './table.js';
import { TLS_RULES } from './tls-rules.js';
import { isLoopback, port } from './values.js';

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

/** KDS hands out every private signing key. */
const openKdsIsTold: Rule = ({ koguma, multizone }, role, reading) => {
  const { interface: address, authType } = koguma.multizone.global.kds;
  if (role !== 'global' || authType !== 'none' || isLoopback(address)) return;
  const risk = `anyone who reaches port ${multizone.global.kds.grpcPort} there is given the signing keys`;
  const remedy = `${reading.nameOf('koguma.multizone.global.kds.authType')} cpToken lets in only zones that prove who they are`;
  const where = reading.nameOf('koguma.multizone.global.kds.interface');
  reading.warnings.push(`${where} is ${address} without auth: ${risk}; ${remedy}`);
};

const reconnectGrows: Rule = ({ koguma }, role, reading) => {
  const { base, max } = koguma.multizone.zone.reconnect;
  if (role !== 'zone' || base <= max) return;
  const other = reading.nameOf('koguma.multizone.zone.reconnect.max');
  const paths = ['koguma.multizone.zone.reconnect.base', 'koguma.multizone.zone.reconnect.max'] as const;
  reading.refuse(`which is longer than ${other}: the wait grows from the one to the other`, ...paths);
};

const silenceIsMeasured: Rule = ({ multizone }, role, reading) => {
  const { pollInterval, timeout } = multizone.global.kds.zoneHealthCheck;
  if (role !== 'global' || (pollInterval === 0 && timeout === 0)) return;
  if (pollInterval > 0 && timeout > pollInterval) return;
  const path = (name: 'pollInterval' | 'timeout') => `multizone.global.kds.zoneHealthCheck.${name}` as const;
  const other = reading.nameOf(path('pollInterval'));
  const reason = `which must be longer than ${other}, and that above zero: set both, or none`;
  reading.refuse(reason, path('timeout'), path('pollInterval'));
};

const tlsFilesFitMode: Rule = ({ store }, _role, reading) => {
  if (store.type !== 'postgres') return;
  const { mode, caPath, certPath, keyPath } = store.postgres.tls;
  const path = (name: 'caPath' | 'certPath' | 'keyPath') => `store.postgres.tls.${name}` as const;
  if ((mode === 'verifyCa' || mode === 'verifyFull') && caPath === '') {
    const reason = `which needs the certificate of an authority: set ${reading.nameOf(path('caPath'))}`;
    reading.refuse(reason, 'store.postgres.tls.mode', path('caPath'));
  }
  bothOrNone(reading, { path: path('certPath'), value: certPath }, { path: path('keyPath'), value: keyPath });
};

/** The store holds every private signing key. */
const plainPostgresIsTold: Rule = ({ store }, _role, reading) => {
  const { host, tls } = store.postgres;
  if (store.type !== 'postgres' || tls.mode !== 'disable' || host.startsWith('/') || isLoopback(host)) return;
  const mode = reading.nameOf('store.postgres.tls.mode');
  reading.warnings.push(`signing keys go to PostgreSQL on ${host} in the clear: ${mode} verifyFull protects them`);
};

/** Every rule, in the order in which refusals are told. */
export const RULES: readonly Rule[] = [
  modeFitsRole,
  standaloneHasNoGlobal,
  portsDiffer,
  openKdsIsTold,
  reconnectGrows,
  silenceIsMeasured,
  tlsFilesFitMode,
  plainPostgresIsTold,
  ...PROXY_RULES,
  ...TLS_RULES,
];

/** The ports that a control plane of this role listens on: each row that holds one, so that a new row needs no rule. */
function portsOf(config: Config, role: Role): [Path, unknown][] {
  const rows = Object.entries(SETTINGS) as [Path, Setting<Value>][];
  const listened = rows.filter(([, { schema, onlyFor = role }]) => schema === port && onlyFor === role);
  return listened.map(([path]) => [path, valueAt(config, path)]);
}
