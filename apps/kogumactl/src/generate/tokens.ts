import { nodeCrypto, signOffline, type TokenKindName } from '@koguma/auth';
import { ControlPlaneError, formatDuration, parseDuration, systemClock, systemEntropy } from '@koguma/core';
import type { Command } from 'commander';
import { connect } from '../api/connect.js';
import { DEFAULT_MESH, type GlobalOptions, pairs } from '../command-line.js';
import { Failure } from '../failure.js';
import type { Terminal } from '../terminal.js';
import { readKeyFile } from './key-file.js';

interface Options extends GlobalOptions {
  readonly name?: string;
  readonly zone?: string;
  readonly scope?: readonly string[];
  readonly group?: readonly string[];
  readonly tag?: readonly string[];
  readonly proxyType?: string;
  readonly type?: string;
  readonly workload?: string;
  readonly validFor: string;
  readonly signingKeyPath?: string;
  readonly kid?: string;
}

const SCOPES = ['ingress', 'egress', 'cp'];

export async function generateDataplaneToken(command: Command, terminal: Terminal): Promise<void> {
  const { name = '', tag = [], proxyType, type, workload } = command.optsWithGlobals<Options>();
  const tags = tagsOf(tag);
  const request = { name, tags, type: proxyType ?? type ?? '', ...(workload ? { workload } : {}) };
  await generate('dataplane', (mesh) => ({ mesh, ...request }), command, terminal);
}

export async function generateZoneIngressToken(command: Command, terminal: Terminal): Promise<void> {
  const { zone } = command.optsWithGlobals<Options>();
  await generate('zone-ingress', () => ({ zone }), command, terminal);
}

export async function generateZoneToken(command: Command, terminal: Terminal): Promise<void> {
  const { zone, scope: written } = command.optsWithGlobals<Options>();
  const scope = written ? list(written) : ['ingress', 'egress'];
  const unknown = scope.filter((word) => !SCOPES.includes(word));
  if (unknown.length > 0) {
    const todo = `Supported scopes: ${SCOPES.join(', ')}`;
    throw Failure.usage(`invalid --scope values: [${unknown.join(' ')}]`, todo);
  }
  await generate('zone', () => ({ zone, scope }), command, terminal);
}

export async function generateUserToken(command: Command, terminal: Terminal): Promise<void> {
  const { name, group = [] } = command.optsWithGlobals<Options>();
  await generate('user', () => ({ name, groups: list(group) }), command, terminal);
}

/**
 * Prints a token and nothing else, not even a line end: it goes into a file or a variable.
 * @param requestFor the body of `POST /tokens/{kind}` but for `validFor`, given the mesh of the call
 */
async function generate(
  kind: TokenKindName,
  requestFor: (mesh: string) => object,
  command: Command,
  terminal: Terminal,
): Promise<void> {
  const options = command.optsWithGlobals<Options>();
  const validFor = duration(options.validFor);
  const key = offlineKey(options);
  if (key) {
    // Neither a control plane nor the configuration that names one is needed.
    terminal.out.write(await sign(kind, { ...requestFor(options.mesh ?? DEFAULT_MESH), validFor }, key));
    return;
  }
  const { api, mesh } = await connect(command, terminal);
  terminal.out.write(await api.issue(kind, { ...requestFor(mesh), validFor }));
}

interface OfflineKey {
  readonly kid: string;
  readonly file: string;
}

function offlineKey({ signingKeyPath: file, kid }: Options): OfflineKey | undefined {
  if (file === undefined && kid === undefined) return undefined;
  if (file === undefined) throw Failure.usage('--kid cannot be used without --signing-key-path', 'Give both, or none.');
  if (kid !== undefined) return { kid, file };
  const todo = 'It is the kid of the public key in the configuration of the control plane.';
  throw Failure.usage('--kid is required when --signing-key-path is used', todo);
}

/** What a control plane would do, here: nobody is asked. */
async function sign(kind: TokenKindName, request: object, { kid, file }: OfflineKey): Promise<string> {
  const ports = { crypto: nodeCrypto, clock: systemClock, entropy: systemEntropy };
  try {
    return await signOffline(kind, request, { kid, pem: readKeyFile(file) }, ports);
  } catch (error) {
    if (!(error instanceof ControlPlaneError) || error.code !== 'invalid') throw error;
    const fields = error.violations.map(({ field, reason }) => `\n* ${field === 'pem' ? file : field}: ${reason}`);
    throw new Failure(`no token can be made of this${fields.join('')}`, 'Mend what it names, and try again.');
  }
}

/** A Go duration as Go writes it, which is how control planes get it from Kuma's command line. */
function duration(text: string): string {
  try {
    return formatDuration(parseDuration(text));
  } catch (error) {
    const todo = 'Use hours, minutes and seconds, such as 720h or 1h30m: there is no day.';
    throw Failure.usage(`--valid-for is invalid: ${(error as RangeError).message}`, todo);
  }
}

/** `['service=a,b', 'service=c']` as `{ service: ['a', 'b', 'c'] }`. */
function tagsOf(written: readonly string[]): Record<string, string[]> {
  const tags: Record<string, string[]> = {};
  for (const [tag, values] of written.flatMap((text) => Object.entries(pairs('--tag', [text])))) {
    tags[tag] = [...(tags[tag] ?? []), ...list([values])];
  }
  return tags;
}

/** `['a,b', 'c']` as `['a', 'b', 'c']`. */
function list(written: readonly string[]): string[] {
  return written
    .flatMap((text) => text.split(','))
    .map((word) => word.trim())
    .filter((word) => word !== '');
}
