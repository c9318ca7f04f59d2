import { askOverHttps, ControlPlaneError, VERSION } from '@koguma/core';
import type { AdsAddress } from '@koguma/dp-server';
import { parse } from 'yaml';
import { z } from 'zod';
import { Failure } from './failure.js';
import type { ProxyOrder } from './order.js';

/** What a control plane says a proxy is to do, as far as one without Envoy can. */
export interface Instructions {
  readonly node: { readonly id: string; readonly cluster: string; readonly metadata: Record<string, unknown> };
  readonly address: AdsAddress;
  /** Shown on each connection: the same, what a file holds then, or nothing. */
  readonly credential: { readonly token: string } | { readonly path: string };
}

const socketAddress = z.object({ address: z.string(), portValue: z.number() });
const endpoint = z.object({ endpoint: z.object({ address: z.object({ socketAddress }) }) });
const cluster = z.looseObject({
  name: z.string(),
  loadAssignment: z.object({ endpoints: z.array(z.object({ lbEndpoints: z.array(endpoint).min(1) })).min(1) }),
});
const grpcService = z.looseObject({
  initialMetadata: z.array(z.object({ key: z.string(), value: z.string() })).optional(),
  googleGrpc: z.looseObject({ targetUri: z.string() }).optional(),
});
const bootstrap = z.looseObject({
  node: z.looseObject({ id: z.string(), cluster: z.string(), metadata: z.record(z.string(), z.unknown()) }),
  dynamicResources: z.object({ adsConfig: z.object({ grpcServices: z.array(grpcService).min(1) }) }),
  staticResources: z.looseObject({ clusters: z.array(cluster) }),
});
type ReadBootstrap = z.infer<typeof bootstrap>;

/** What OpenSSL and Node say when somebody is not believed. */
const DISTRUST = /SELF_SIGNED|UNABLE_TO|ALTNAME|CERT_/;

/**
 * Asks for a bootstrap, as kuma-dp does.
 * @throws Failure when asking again would not help
 * @throws ControlPlaneError `not_found` when the control plane does not know the proxy yet, `unavailable` when it cannot
 *   be asked now
 */
export async function fetchInstructions(order: ProxyOrder, token: string): Promise<Instructions> {
  const { controlPlane, authority, skipVerify, type, mesh, name, resource } = order;
  const request = {
    mesh,
    name,
    proxyType: type,
    ...(token === '' ? {} : { dataplaneToken: token }),
    ...(order.token.path === undefined ? {} : { dataplaneTokenPath: order.token.path }),
    ...(resource ? { dataplaneResource: JSON.stringify(resource) } : {}),
    ...(authority === undefined ? {} : { caCert: authority }),
    version: { kumaDp: { version: VERSION }, envoy: {} },
  };
  const headers = { accept: 'application/json', 'content-type': 'application/json' };
  const question = { method: 'POST', headers, body: JSON.stringify(request), ca: authority, skipVerify } as const;
  const { status, text } = await askOverHttps(`${controlPlane}/bootstrap`, question).catch((error: unknown) => {
    throw distrust(error) ?? error;
  });
  if (status === 404 && text === '')
    throw new ControlPlaneError('not_found', `${controlPlane} does not know ${type} ${name} yet`);
  if (status >= 500) throw new ControlPlaneError('unavailable', `${controlPlane} answered ${status}: ${text}`);
  if (status !== 200) throw refusal(status, text.trim(), controlPlane);
  const instructions = obeyed(text);
  return { ...instructions, address: { ...instructions.address, skipVerify } };
}

function distrust(error: unknown): Failure | undefined {
  const { code, message } = Object((error as Error).cause) as { code?: string; message?: string };
  if (code === undefined || !DISTRUST.test(code)) return undefined;
  const todo = 'Name the file of its authority with --ca-cert-file, or believe everybody with --skip-verify.';
  return new Failure(`the control plane is not believed: ${message}`, todo);
}

function refusal(status: number, text: string, controlPlane: string): Failure {
  if (status === 404)
    return new Failure(`there is no bootstrap at ${controlPlane}`, 'Give --cp-address the port for proxies (5678).');
  if (status === 401) return new Failure(text, 'Give the proxy a token that is for it, and that is still good.');
  return new Failure(
    text || `the control plane answered ${status}`,
    'Correct what it says, and start the proxy again.',
  );
}

function obeyed(text: string): Instructions {
  let read: ReadBootstrap;
  try {
    const { bootstrap: encoded } = z.object({ bootstrap: z.base64() }).parse(JSON.parse(text));
    read = bootstrap.parse(parse(Buffer.from(encoded, 'base64').toString()));
  } catch (error) {
    const todo = 'Ask a control plane of Koguma or Kuma.';
    throw new Failure(`the bootstrap cannot be read: ${(error as Error).message.split('\n', 1)[0]}`, todo);
  }
  const [service] = read.dynamicResources.adsConfig.grpcServices;
  const path = found(service, 'filename');
  const token = service?.initialMetadata?.find(({ key }) => key === 'authorization')?.value ?? '';
  return {
    node: read.node,
    address: { ...addressOf(read), authority: authorityOf(read), skipVerify: false },
    credential: typeof path === 'string' ? { path } : { token },
  };
}

function addressOf({ staticResources }: ReadBootstrap): { host: string; port: number } {
  const ads = staticResources.clusters.find(({ name }) => name === 'ads_cluster');
  const at = ads?.loadAssignment.endpoints[0]?.lbEndpoints[0]?.endpoint.address.socketAddress;
  if (!at) throw new Failure('the bootstrap names no ads_cluster', 'Ask a control plane of Koguma or Kuma.');
  return { host: at.address, port: at.portValue };
}

/** Kuma keeps it in a secret beside the cluster, Koguma in the cluster itself. */
function authorityOf(read: ReadBootstrap): string | undefined {
  const { inlineString, inlineBytes } = Object(found(read.staticResources, 'trustedCa')) as Record<string, unknown>;
  if (typeof inlineString === 'string') return inlineString;
  return typeof inlineBytes === 'string' ? Buffer.from(inlineBytes, 'base64').toString() : undefined;
}

/** The first member of that name, however deep. */
function found(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Object.hasOwn(value, name)) return (value as Record<string, unknown>)[name];
  for (const inner of Object.values(value)) {
    const deeper = found(inner, name);
    if (deeper !== undefined) return deeper;
  }
  return undefined;
}
