import { resolve } from 'node:path';
import { readText } from './adapters/files.js';
import { Failure } from './failure.js';
import type { ProxyOrder, ProxyType } from './order.js';
import { type ProxyResource, readResource } from './resource.js';
import { readToken, type TokenSource } from './token.js';

/** The options of `koguma-dp run` that were given. */
export interface RunOptions {
  readonly cpAddress?: string;
  readonly caCertFile?: string;
  readonly skipVerify?: boolean;
  readonly proxyType?: string;
  readonly name?: string;
  readonly mesh?: string;
  readonly dataplaneFile?: string;
  readonly dataplane?: string;
  readonly dataplaneVar?: readonly string[];
  readonly dataplaneTokenFile?: string;
  readonly dataplaneToken?: string;
  readonly count?: string;
  readonly logFormat?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

const MOST_PROXIES = 10_000;
const TYPES: Readonly<Record<string, ProxyType>> = {
  Dataplane: 'dataplane',
  ZoneIngress: 'ingress',
  ZoneEgress: 'egress',
};

/**
 * One order for each proxy, from what was given, else from Kuma's variables. Everything is read, and the token is looked
 * at, before anybody is asked anything.
 * @throws Failure
 */
export function ordersOf(given: RunOptions, env: Environment): ProxyOrder[] {
  const variable = (name: string) => (env[name] === '' ? undefined : env[name]);
  const controlPlane = addressOf(given.cpAddress ?? variable('KUMA_CONTROL_PLANE_URL') ?? 'https://localhost:5678');
  const count = countOf(given.count ?? '1');
  const token = tokenOf(given, variable);
  readToken(token);
  const trust = {
    authority: authorityOf(given, variable),
    skipVerify: given.skipVerify ?? variable('KUMA_CONTROL_PLANE_TLS_SKIP_VERIFY') === 'true',
  };
  return Array.from({ length: count }, (_, index) => {
    const suffix = count === 1 ? '' : `-${index + 1}`;
    return { controlPlane, ...trust, token, ...subjectOf(given, variable, suffix) };
  });
}

type Variable = (name: string) => string | undefined;

function subjectOf(
  given: RunOptions,
  variable: Variable,
  suffix: string,
): Pick<ProxyOrder, 'type' | 'mesh' | 'name' | 'resource'> {
  const resource = resourceOf(given, variable);
  const [name, mesh] = [given.name ?? variable('KUMA_DATAPLANE_NAME'), given.mesh ?? variable('KUMA_DATAPLANE_MESH')];
  const said = given.proxyType ?? variable('KUMA_DATAPLANE_PROXY_TYPE');
  if (resource) {
    if (name !== undefined || mesh !== undefined)
      throw usage('--name and --mesh are in the resource already', 'Leave them out, or leave the resource out.');
    const type = TYPES[resource.type];
    if (!type) throw usage(`a ${resource.type} is no proxy`, `Use one of ${Object.keys(TYPES).join(', ')}.`);
    if (said !== undefined && said !== type)
      throw usage(`--proxy-type ${said} does not fit a ${resource.type}`, `Leave it out, or say ${type}.`);
    const named = { ...resource, name: `${resource.name}${suffix}` };
    return { type, mesh: resource.mesh ?? (type === 'dataplane' ? 'default' : ''), name: named.name, resource: named };
  }
  if (name === undefined)
    throw usage(
      'nothing says which proxy this is',
      'Give --dataplane-file, or --name of one that the control plane knows.',
    );
  if (said !== undefined && !Object.values<string>(TYPES).includes(said))
    throw usage(`${said} is no type of proxy`, `Use one of ${Object.values(TYPES).join(', ')}.`);
  const type = (said ?? 'dataplane') as ProxyType;
  return { type, mesh: type === 'dataplane' ? (mesh ?? 'default') : '', name: `${name}${suffix}`, resource: undefined };
}

function resourceOf(given: RunOptions, variable: Variable): ProxyResource | undefined {
  const text = given.dataplane ?? variable('KUMA_DATAPLANE_RUNTIME_RESOURCE');
  const file = given.dataplaneFile ?? variable('KUMA_DATAPLANE_RUNTIME_RESOURCE_PATH');
  const variables = new Map((given.dataplaneVar ?? []).map(variableIn));
  if (text !== undefined && given.dataplaneFile === undefined) return readResource(text, variables, 'the resource');
  return file === undefined ? undefined : readResource(readText(file, 'the dataplane file'), variables, file);
}

function variableIn(written: string): [string, string] {
  const at = written.indexOf('=');
  if (at < 1)
    throw usage(`--dataplane-var ${written} is not NAME=VALUE`, 'Write it as --dataplane-var address=10.0.0.1.');
  return [written.slice(0, at), written.slice(at + 1)];
}

function tokenOf(given: RunOptions, variable: Variable): TokenSource {
  const path = given.dataplaneTokenFile ?? variable('KUMA_DATAPLANE_RUNTIME_TOKEN_PATH');
  return {
    inline: given.dataplaneToken ?? variable('KUMA_DATAPLANE_RUNTIME_TOKEN'),
    path: path === undefined ? undefined : resolve(path),
  };
}

function authorityOf(given: RunOptions, variable: Variable): string | undefined {
  const file = given.caCertFile ?? variable('KUMA_CONTROL_PLANE_CA_CERT_FILE');
  if (file === undefined) return variable('KUMA_CONTROL_PLANE_CA_CERT');
  const pem = readText(file, 'the file of the authority');
  if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem;
  throw new Failure(
    `${file} has no certificate in PEM`,
    'Name the file of the authority that signed for the control plane.',
  );
}

function addressOf(url: string): string {
  if (URL.canParse(url) && new URL(url).protocol === 'https:') return new URL(url).origin;
  throw usage(`${url} is not an address of a control plane`, 'Write it as --cp-address https://localhost:5678.');
}

function countOf(text: string): number {
  const count = Number(text);
  if (/^\d{1,5}$/.test(text) && count >= 1 && count <= MOST_PROXIES) return count;
  throw usage(`--count ${text} is not a number of proxies`, `Use a whole number from 1 to ${MOST_PROXIES}.`);
}

function usage(what: string, todo: string): Failure {
  return new Failure(what, todo, 2);
}
