import path from 'node:path';
import { Failure } from '../failure.js';

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** One variable that the caller sets on a control plane, or on all of them (`*`). */
export interface EnvSetting {
  readonly name: string;
  readonly key: string;
  readonly value: string;
}

/** What a lab is asked to be. */
export interface LabSettings {
  /** Absolute path of the folder that holds everything of this lab. */
  readonly data: string;
  readonly zones: readonly string[];
  /** Keeps the stores in memory: nothing survives the control plane's process. */
  readonly memory: boolean;
  /** Added to every port, so that two labs can run. */
  readonly portOffset: number;
  /** Absolute paths of Kuma YAML files, by control plane. */
  readonly configs: ReadonlyMap<string, string>;
  readonly env: readonly EnvSetting[];
}

/** A port that a control plane listens on, and what for. */
export interface Port {
  readonly number: number;
  readonly purpose: string;
}

/** One control plane of the lab: all that is needed to start it. */
export interface Plan {
  readonly name: string;
  readonly role: 'global' | 'zone';
  /** As it is spoken of: `global`, `zone east`. */
  readonly title: string;
  readonly ports: readonly Port[];
  readonly api: string;
  /** Of a zone: where it reaches global, by way of a wire of the lab. Undefined where faults are off. */
  readonly wirePort: number | undefined;
  readonly folder: string;
  readonly log: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const GLOBAL = 'global';
const MAX_ZONES = 50;
/** Each has two ends of a link and a port: three of the files that a process may have open. */
export const MAX_ZONES_IN_PROCESS = 2_000;
const PORTS = { dp: 5678, diagnostics: 5680, api: 5681, https: 5682, kds: 5685, faults: 5690 };
const PORTS_PER_ZONE = 1000;
const MAX_PORT = 65_535;
/** Those of the Fetch standard's "bad ports" that a lab could come by. */
const SHUNNED_PORTS = new Set([6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10_080]);
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const ENV = /^([^:=]+):([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s;

/** What the lab itself goes by: with another value here, what it prints and checks would not be true. */
const KEPT_BY_THE_LAB = new Set([
  'KUMA_MODE',
  'KUMA_MULTIZONE_ZONE_NAME',
  'KUMA_API_SERVER_HTTP_PORT',
  'KUMA_API_SERVER_HTTPS_PORT',
  'KUMA_DIAGNOSTICS_SERVER_PORT',
  'KUMA_DP_SERVER_PORT',
  'KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT',
]);

/** Where the lab takes faults; undefined where a control plane was told that it is in no lab. */
export function faultPortOf(plans: readonly Plan[], portOffset: number): number | undefined {
  const isLab = plans.every(({ env }) => env.KOGUMA_LAB !== 'false');
  return isLab ? PORTS.faults + portOffset : undefined;
}

/** Where zones reach global, behind the wires. */
export function kdsPortOf(portOffset: number): number {
  return PORTS.kds + portOffset;
}

/** Whether a name can be a control plane's: one DNS label (RFC 1123). */
export function isName(name: string): boolean {
  return LABEL.test(name);
}

/** Reads `east,west`, or a count: `3` is `zone-1,zone-2,zone-3`. */
export function parseZones(list: string, most = MAX_ZONES): string[] {
  const count = /^\d{1,9}$/.test(list.trim()) ? Number(list) : undefined;
  const zones =
    count === undefined
      ? list.split(',').map((name) => name.trim())
      : Array.from({ length: Math.min(count, most + 1) }, (_, index) => `zone-${index + 1}`);
  if (zones.length === 0) throw Failure.usage('0 zones are no lab', 'Ask for one at least, such as --zones 3.');
  if (zones.length > most) throw tooMany(count ?? zones.length, most);
  for (const [index, name] of zones.entries()) {
    const quoted = JSON.stringify(name);
    if (!isName(name)) {
      const allowed = 'lower-case letters, digits and inner hyphens, at most 63 characters (RFC 1123)';
      throw Failure.usage(`${quoted} cannot be the name of a zone`, `Use ${allowed}, such as --zones east,west.`);
    }
    if (name === GLOBAL) {
      throw Failure.usage('"global" is the name of the global control plane', 'Give the zone another name.');
    }
    if (zones.indexOf(name) !== index) {
      throw Failure.usage(`zone ${quoted} is named twice`, 'Give each zone a name of its own.');
    }
  }
  return zones;
}

function tooMany(asked: number, most: number): Failure {
  const each = `each is a process of its own, and zone i takes the ports from 5678 + ${PORTS_PER_ZONE} × i`;
  if (most === MAX_ZONES) {
    const todo = `Name at most ${most} zones, or let them share a process: --in-process.`;
    return Failure.usage(`${asked} zones are too many: ${each}`, todo);
  }
  return Failure.usage(`${asked} zones are too many for one process`, `Ask for at most ${most}.`);
}

/** Reads `--config NAME=FILE`, each into a name and a path as it was written. */
export function parseConfigs(written: readonly string[]): Map<string, string> {
  const configs = new Map<string, string>();
  for (const text of written) {
    const at = text.indexOf('=');
    const [name, file] = [text.slice(0, at), text.slice(at + 1)];
    if (at < 1 || file === '') {
      throw Failure.usage(`--config ${JSON.stringify(text)} is not NAME=FILE`, 'Write it as --config east=kuma.yaml.');
    }
    if (configs.has(name)) {
      throw Failure.usage(`${name} is given two configuration files`, 'Give each control plane one --config.');
    }
    configs.set(name, file);
  }
  return configs;
}

/** Reads `--env NAME:KEY=VALUE`. */
export function parseEnv(written: readonly string[]): EnvSetting[] {
  return written.map((text) => {
    const [, name, key, value] = ENV.exec(text) ?? [];
    if (name === undefined || key === undefined || value === undefined) {
      const example = "--env 'east:KOGUMA_LOG_LEVEL=debug', or '*:…' for all of them";
      throw Failure.usage(`--env ${JSON.stringify(text)} is not NAME:KEY=VALUE`, `Write it as ${example}.`);
    }
    if (KEPT_BY_THE_LAB.has(key)) {
      const todo = 'Leave it out; --zones names the zones, and --port-offset moves the ports.';
      throw Failure.usage(`${key} is set by the lab itself`, todo);
    }
    return { name, key, value };
  });
}

/** Reads `--port-offset N`. */
export function parsePortOffset(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= MAX_PORT) return Number(text);
  throw Failure.usage(`${JSON.stringify(text)} is not a port offset`, 'Use a whole number, such as --port-offset 100.');
}

/** Lays the lab out: global first, then the zones in the order of their names' list. */
export function planLab(settings: LabSettings): Plan[] {
  const { zones, portOffset } = settings;
  const highest = PORTS.faults + PORTS_PER_ZONE * zones.length + portOffset;
  if (highest > MAX_PORT) {
    const todo = `Use a --port-offset of at most ${MAX_PORT - highest + portOffset}, or fewer zones.`;
    throw Failure.usage(`the last zone would need port ${highest}, and ${MAX_PORT} is the highest there is`, todo);
  }
  const names = [GLOBAL, ...zones];
  for (const name of settings.configs.keys()) refuseUnknown(name, names, '--config');
  for (const { name } of settings.env) if (name !== '*') refuseUnknown(name, names, '--env');
  const plans = names.map((name, index) => planOf(name, index, settings));
  const shunned = plans.flatMap(({ ports }) => ports).find(({ number }) => SHUNNED_PORTS.has(number));
  if (shunned) {
    const todo = `Use another --port-offset, such as ${portOffset + 100}.`;
    throw Failure.usage(`the lab would need port ${shunned.number}, which browsers and fetch refuse to call`, todo);
  }
  return plans;
}

function refuseUnknown(name: string, names: readonly string[], option: string): void {
  if (names.includes(name)) return;
  const todo = `The control planes of this lab are ${names.join(', ')}.`;
  throw Failure.usage(`${option} names ${JSON.stringify(name)}, which is not in this lab`, todo);
}

function planOf(name: string, index: number, { data, memory, portOffset, configs, env }: LabSettings): Plan {
  const role = index === 0 ? 'global' : 'zone';
  const folder = path.join(data, name);
  const shift = portOffset + PORTS_PER_ZONE * index;
  const [api, https, diagnostics] = [PORTS.api + shift, PORTS.https + shift, PORTS.diagnostics + shift];
  const [kds, dp] = [PORTS.kds + portOffset, PORTS.dp + shift];
  const chosen = env.filter((setting) => setting.name === '*' || setting.name === name);
  const hasFaults = chosen.findLast(({ key }) => key === 'KOGUMA_LAB')?.value !== 'false';
  const faults = PORTS.faults + shift;
  const config = configs.get(name);
  // Global starts first and makes the authority, whose certificates all of the lab believe.
  const authority = path.join(data, GLOBAL);
  const own: Record<string, string> =
    role === 'global'
      ? { KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT: `${kds}` }
      : {
          KUMA_MULTIZONE_ZONE_NAME: name,
          KUMA_DP_SERVER_PORT: `${dp}`,
          KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: `grpcs://localhost:${hasFaults ? faults : kds}`,
          KUMA_MULTIZONE_ZONE_KDS_ROOT_CA_FILE: path.join(authority, 'ca.crt'),
        };
  return {
    name,
    role,
    title: role === 'global' ? name : `zone ${name}`,
    ports: [
      { number: diagnostics, purpose: 'diagnostics' },
      { number: api, purpose: 'its API' },
      { number: https, purpose: 'its API with TLS' },
      role === 'global'
        ? { number: kds, purpose: 'the sync with zones (KDS)' }
        : { number: dp, purpose: 'its proxies' },
      ...(hasFaults
        ? [{ number: faults, purpose: role === 'global' ? 'faults and clocks' : 'its link to global' }]
        : []),
    ],
    api: `http://localhost:${api}`,
    wirePort: hasFaults && role === 'zone' ? faults : undefined,
    folder,
    log: path.join(folder, 'log.jsonl'),
    args: config === undefined ? ['run'] : ['run', '-c', config],
    env: {
      KUMA_MODE: role,
      ...own,
      KUMA_API_SERVER_HTTP_PORT: `${api}`,
      KUMA_API_SERVER_HTTPS_PORT: `${https}`,
      KUMA_DIAGNOSTICS_SERVER_PORT: `${diagnostics}`,
      KUMA_STORE_TYPE: memory ? 'memory' : 'sqlite',
      KOGUMA_STORE_SQLITE_PATH: path.join(folder, 'store.db'),
      KUMA_GENERAL_WORK_DIR: folder,
      KOGUMA_TLS_CA_DIR: authority,
      KOGUMA_LAB: 'true',
      ...Object.fromEntries(chosen.map(({ key, value }) => [key, value])),
    },
  };
}

/**
 * The environment of one control plane. Settings of Kuma and Koguma that the caller's shell happens to have are left
 * out: the same command gives the same lab in every terminal. Signatures are made by one thread less than the machine has
 * cores: what signs must not keep the rest of a control plane, and the others of the lab, from answering.
 * @param cores how many the machine has
 */
export function environmentFor(plan: Plan, caller: Environment, cores: number): Environment {
  const inherited = Object.entries(caller).filter(([key]) => !/^(KUMA|KOGUMA)_/.test(key));
  return { UV_THREADPOOL_SIZE: String(Math.max(1, cores - 1)), ...Object.fromEntries(inherited), ...plan.env };
}
