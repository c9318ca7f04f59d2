import type { Command } from 'commander';
import { connect } from '../api/connect.js';
import type { Format, GlobalOptions } from '../command-line.js';
import { Failure } from '../failure.js';
import { age } from '../output/cells.js';
import { printDocument } from '../output/print.js';
import { lag } from '../sync/status.js';
import type { Terminal } from '../terminal.js';
import {
  configuredIn,
  type Inventory,
  type Key,
  type KeyInZone,
  keysIn,
  type Ring,
  readInventory,
  ringOf,
  type SecretKey,
  secretsIn,
  titleOf,
} from './inventory.js';

/** What is known before a key is deleted. */
export interface Preflight {
  readonly key: SecretKey;
  /** The key that signs once this one is gone; undefined when none does. */
  readonly successor: SecretKey | undefined;
  /** What would break; nothing when it is empty. */
  readonly problems: readonly string[];
}

/** How many proxies are named. */
const NAMED = 5;

/** @throws Failure when there is no such key */
export function judge(inventory: Inventory, ring: Ring, kid: string): Preflight {
  const configured = configuredIn(inventory, ring, kid);
  const keys = configured ? secretsIn(inventory, ring) : keysIn(inventory, ring);
  const key = keys.find((one) => one.kid === kid);
  if (!key && configured) {
    const what = `${titleOf(ring, kid)} is not kept as a secret: it is configured, in ${configured.foundIn}`;
    throw new Failure(
      what,
      'Who needs it: npx kogumactl keys list. It goes when it is taken out of the configuration.',
    );
  }
  if (!key) {
    const todo = `There ${keys.length === 1 ? 'is' : 'are'} ${keys.map((one) => one.kid).join(', ')}: npx kogumactl keys list`;
    throw new Failure(`there is no ${titleOf(ring, kid)} here`, todo);
  }
  const successor = keys.findLast((one) => one !== key && one.phase === 'active');
  return { key, successor, problems: [...ofSuccessor(key, successor), ...ofProxies(key), ...ofTokens(key)] };
}

function ofSuccessor(key: SecretKey, successor: SecretKey | undefined): string[] {
  if (!successor)
    return ['no other key is there that signs: no token could be issued, and none of this kind is good any more'];
  return key.signs || successor.serial > key.serial ? zonesWithout(successor) : [];
}

/** Zones that do not have a key, or of which that is not known now. */
export function zonesWithout({ kid, zones }: Key): string[] {
  return zones.flatMap((zone) => {
    const standing = standingOf(zone);
    if (zone.has === 'no') return [`zone ${zone.zone} lacks key ${kid}${standing && ` (${standing})`}`];
    if (zone.has === 'unknown')
      return [`whether zone ${zone.zone} has key ${kid} is not known (${standing || 'it has not told yet'})`];
    return standing === '' ? [] : [`what is known of zone ${zone.zone} is old (${standing})`];
  });
}

function standingOf({ state, lagMs }: KeyInZone): string {
  return state === 'Online' ? '' : `${state}${lagMs === null ? '' : ` for ${lag(lagMs)}`}`;
}

function ofProxies({ kid, proxies }: Key): string[] {
  return [...new Set(proxies.map(({ zone }) => zone))].sort().map((zone) => {
    const names = proxies.filter((proxy) => proxy.zone === zone).map(({ name }) => name);
    const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
    return `in zone ${zone}, ${names.slice(0, NAMED).join(', ')}${more} ${names.length === 1 ? 'is' : 'are'} connected with a token of key ${kid}`;
  });
}

function ofTokens({ kid, tokens }: Key): string[] {
  return tokens.flatMap(({ controlPlane, unexpired, latestExpiry }) =>
    unexpired
      ? [`${unexpired} unexpired tokens of key ${kid} are by ${controlPlane}, the last good until ${latestExpiry}`]
      : [],
  );
}

/** Prints what depends on a key. @throws Failure when something would break */
export async function preflightKey(kind: string, kid: string, command: Command, terminal: Terminal): Promise<void> {
  const { output } = command.optsWithGlobals<GlobalOptions & { output: Format }>();
  const { api, mesh } = await connect(command, terminal);
  const ring = ringOf(kind, mesh);
  const found = judge(await readInventory(api), ring, kid);
  const { problems } = found;
  if (output === 'table') terminal.out.write(`${told(ring, found).join('\n')}\n`);
  else await printDocument(output, { safe: problems.length === 0, ...found }, terminal);
  if (problems.length === 0) return;
  const todo = 'Wait for it, or rotate in steps: npx kogumactl keys rotate --help';
  throw new Failure(`${titleOf(ring, kid)} is not safe to delete\n* ${problems.join('\n* ')}`, todo);
}

function lackingOf({ zones }: Key): string {
  const lacking = zones.filter(({ has }) => has !== 'yes').map(({ zone }) => zone);
  return lacking.join(', ') || 'none';
}

function told(ring: Ring, { key, successor, problems }: Preflight): string[] {
  const zones = [...new Set([...key.zones.map(({ zone }) => zone), ...key.proxies.map(({ zone }) => zone)])].sort();
  const users = zones.map((zone) => {
    const count = key.proxies.filter((proxy) => proxy.zone === zone).length;
    const standing = key.zones.find((one) => one.zone === zone);
    const old = standing && standingOf(standing);
    return `${zone}: ${count}${old ? ` (${old})` : ''}`;
  });
  const tokens = key.tokens.map(({ controlPlane, since, unexpired, latestExpiry }) => {
    if (since === null) return `${controlPlane}: not recorded`;
    return `${controlPlane}: ${unexpired}${latestExpiry === null ? '' : `, the last good until ${latestExpiry}`} (counted since ${since})`;
  });
  const rows: [string, string][] = [
    [
      '',
      `thumbprint ${key.thumbprint.slice(0, 8)}…, age ${age(key.createdAt, Date.now())}, ${key.phase}${key.signs ? ', signs now' : ''}`,
    ],
    ['signs once it is gone', successor ? `key ${successor.kid}` : 'none: there is no other key that signs'],
    ['connected proxies that use it', users.join('   ') || 'none'],
    ['unexpired tokens', tokens.join('   ')],
    ...(successor ? [[`zones that lack key ${successor.kid}`, lackingOf(successor)] satisfies [string, string]] : []),
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  const [head = ['', ''], ...body] = rows;
  return [
    `${titleOf(ring, key.kid)}: ${problems.length === 0 ? 'SAFE TO DELETE' : 'NOT SAFE TO DELETE'} (${head[1]})`,
    ...body.map(([label, text]) => `  ${label.padEnd(width)}   ${text}`),
  ];
}
