import { ControlPlaneError, invalid, violationsIn } from '@koguma/core';
import { z } from 'zod';
import type { Admission } from './admission.js';
import { type Bootstrap, envoyBootstrap } from './envoy-bootstrap.js';
import { type Claim, nodeIdOf, type ProxyId, proxyOf, readClaim, tagSetsOf } from './proxy.js';
import type { DpServerSettings } from './settings.js';

/** What the TLS certificate of the proxy port says. */
export interface DoorCertificate {
  /** PEM of who a proxy should believe that brings no authority of its own. */
  authority(): string;
  /** Whether the certificate is for this host name or address. */
  isFor(host: string): boolean;
}

interface Parts {
  readonly admission: Admission;
  readonly settings: Pick<DpServerSettings, 'bootstrap' | 'reloadableTokens'>;
  readonly certificate: DoorCertificate;
  /** The port that proxies reach. */
  readonly port: () => number;
}

/** What a proxy asks for, and where it asks. */
export interface BootstrapOrder {
  readonly body: unknown;
  /** As the request names it: `host:port`. */
  readonly host: string;
}

/** Kuma's answer: what Envoy starts with, and what kuma-dp itself needs. */
export interface BootstrapAnswer {
  readonly envoy: Bootstrap;
  readonly kumaSidecarConfiguration: object;
}

const text = z.string('must be a string').nullish();
const object = z.record(z.string(), z.unknown(), 'must be an object').nullish();
/** Kuma's request, of every version: what it says beyond this is of no use here. */
const request = z.object(
  {
    mesh: text,
    name: text,
    proxyType: z.enum(['dataplane', 'ingress', 'egress', ''], 'must be dataplane, ingress or egress').nullish(),
    dataplaneToken: text,
    dataplaneTokenPath: text,
    dataplaneResource: text,
    caCert: text,
    version: object,
    dynamicMetadata: object,
    features: z.array(z.string('must be a string'), 'must be a list of strings').nullish(),
  },
  'must be a JSON object',
);
type Request = z.infer<typeof request>;

/** Answers `POST /bootstrap`: with what a proxy starts, once it has shown that it may be what it says. */
export class BootstrapServer {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** @throws ControlPlaneError `invalid`, `malformed`, `unauthenticated`, `access_denied`, `not_found`, `unavailable` */
  async answer({ body, host }: BootstrapOrder): Promise<BootstrapAnswer> {
    const { data, error } = request.safeParse(body);
    if (!data) throw invalid(...violationsIn(error));
    const { proxy, said } = subjectOf(data);
    const address = this.#addressFor(host);
    checkAuthority(data.caCert ?? '');
    const isProven = await this.#admit(data, proxy, said);

    const { admission, settings, certificate } = this.#parts;
    const claim = said ?? (isProven ? admission.storedOf(proxy) : undefined);
    const path = settings.reloadableTokens ? (data.dataplaneTokenPath ?? '') : '';
    const token = data.dataplaneToken ?? '';
    const envoy = envoyBootstrap({
      id: nodeIdOf(proxy),
      cluster: serviceOf(proxy, claim),
      metadata: metadataOf(data, proxy, this.#adminPort(claim)),
      adminPort: this.#adminPort(claim),
      ...address,
      authority: data.caCert || certificate.authority(),
      credential: path !== '' ? { path } : token !== '' ? { token } : undefined,
    });
    const networking = { address: networkingOf(claim).address ?? '', corefileTemplate: null };
    return { envoy, kumaSidecarConfiguration: { networking, metrics: { aggregate: [] } } };
  }

  /** @returns false for one that shows nothing yet: it learns nothing of what is here */
  async #admit(data: Request, proxy: ProxyId, said: Claim | undefined): Promise<boolean> {
    const { admission, settings } = this.#parts;
    const authenticator = admission.authenticatorOf(proxy);
    const [token, path] = [data.dataplaneToken ?? '', data.dataplaneTokenPath ?? ''];
    if (authenticator.asks && token === '') {
      // Its stream will show what the file holds then.
      if (path !== '' && settings.reloadableTokens) return false;
      throw tokenMissing();
    }
    const credential = await authenticator.prove(token, proxy);
    admission.judge(credential, proxy, { said, stored: admission.storedOf(proxy) });
    return true;
  }

  /** Where Envoy finds this server: as the proxy itself did, unless the settings know better. */
  #addressFor(host: string): { host: string; port: number } {
    const { settings, certificate, port } = this.#parts;
    const { xdsHost, xdsPort } = settings.bootstrap;
    const told = { port: xdsPort === 0 ? port() : xdsPort };
    if (xdsHost !== '') return { host: xdsHost, ...told };
    const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
    if (certificate.isFor(name)) return { host: name, ...told };
    const reason = `${JSON.stringify(name)} is not in the certificate of this control plane: call it by a name that is, or set KUMA_BOOTSTRAP_SERVER_PARAMS_XDS_HOST`;
    throw new ControlPlaneError('malformed', reason);
  }

  #adminPort(claim: Claim | undefined): number {
    return networkingOf(claim).admin?.port ?? this.#parts.settings.bootstrap.adminPort;
  }
}

function subjectOf(data: Request): { proxy: ProxyId; said: Claim | undefined } {
  const proxy = proxyOf(data.proxyType || 'dataplane', data.mesh ?? '', data.name ?? '');
  if (proxy.key.name === '') throw invalid({ field: 'name', reason: 'cannot be empty' });
  if (proxy.type === 'dataplane' && proxy.key.mesh === '') throw invalid({ field: 'mesh', reason: 'cannot be empty' });
  const said = data.dataplaneResource ? readClaim(proxy, data.dataplaneResource, 'dataplaneResource') : undefined;
  return { proxy, said };
}

/** kuma-dp shows this text as it is. */
function tokenMissing(): ControlPlaneError {
  return invalid({
    field: 'dataplaneToken',
    reason:
      "Dataplane Token is required. Generate token using 'kumactl generate dataplane-token > /path/file' and provide it via --dataplane-token-file=/path/file argument to Kuma DP",
  });
}

function checkAuthority(caCert: string): void {
  if (caCert === '' || caCert.includes('-----BEGIN CERTIFICATE-----')) return;
  throw new ControlPlaneError('malformed', 'caCert is not a certificate in PEM');
}

function metadataOf(data: Request, { type }: ProxyId, adminPort: number): Record<string, unknown> {
  const { dataplaneResource, version, dynamicMetadata, features } = data;
  return {
    'dataplane.proxyType': type,
    'dataplane.admin.port': String(adminPort),
    ...(dataplaneResource ? { 'dataplane.resource': dataplaneResource } : {}),
    ...(version ? { version } : {}),
    ...(features?.length ? { features } : {}),
    ...(dynamicMetadata && Object.keys(dynamicMetadata).length > 0 ? { dynamicMetadata } : {}),
  };
}

/** What Envoy's own metrics are filed under. */
function serviceOf({ type }: ProxyId, claim: Claim | undefined): string {
  const [tags] = claim ? tagSetsOf(claim.spec) : [];
  return type === 'dataplane' ? (tags?.['kuma.io/service'] ?? 'unknown') : type;
}

function networkingOf(claim: Claim | undefined): { address?: string; admin?: { port?: number } } {
  return Object(claim?.spec.networking) as { address?: string; admin?: { port?: number } };
}
