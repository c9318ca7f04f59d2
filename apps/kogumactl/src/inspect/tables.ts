import { ago, tagsCell } from '../output/cells.js';
import type { Column } from '../output/print.js';
import { tagsOf } from '../resources/kinds.js';
import { dataplaneStatus, insightOf, isOnline, lastOf, type Overview, total } from './overviews.js';

/** What `/mesh-insights` counts in a mesh. */
export interface MeshInsight {
  readonly name: string;
  readonly dataplanes?: { readonly total?: number; readonly online?: number };
  readonly policies?: Readonly<Record<string, { readonly total?: number }>>;
}

const NAME: Column<Overview> = { heading: 'NAME', cell: ({ name }) => name };
const STATUS: Column<Overview> = { heading: 'STATUS', cell: (one) => (isOnline(one) ? 'Online' : 'Offline') };
const TRAFFIC: readonly Column<Overview>[] = [
  { heading: 'LAST CONNECTED AGO', cell: (one, now) => ago(lastOf(one)?.connectTime, now) },
  { heading: 'LAST UPDATED AGO', cell: (one, now) => ago(lastOf(one)?.status?.lastUpdateTime, now) },
  { heading: 'TOTAL UPDATES', cell: (one) => total(one, 'responsesSent') },
  { heading: 'TOTAL ERRORS', cell: (one) => total(one, 'responsesRejected') },
];
const PROGRAMS: readonly Column<Overview>[] = [
  { heading: 'KUMA-DP VERSION', cell: (one) => lastOf(one)?.version?.kumaDp?.version ?? '' },
  { heading: 'ENVOY VERSION', cell: (one) => lastOf(one)?.version?.envoy?.version ?? '' },
];

/** What Kuma's tables do not have comes after what they have. */
const CREDENTIAL: readonly Column<Overview>[] = [
  { heading: 'CREDENTIAL', cell: (one) => credentialOf(one)?.kind ?? '-' },
  { heading: 'KID', cell: (one) => credentialOf(one)?.kid ?? '-' },
  { heading: 'JTI', cell: (one) => credentialOf(one)?.jti ?? '-' },
  { heading: 'EXPIRES', cell: (one) => dateCell(credentialOf(one)?.expiresAt) },
];

/** Of zone ingresses and zone egresses. */
export const ZONE_PROXY_COLUMNS: readonly Column<Overview>[] = [NAME, STATUS, ...TRAFFIC, ...PROGRAMS, ...CREDENTIAL];

export const ZONE_COLUMNS: readonly Column<Overview>[] = [
  NAME,
  STATUS,
  ...TRAFFIC,
  { heading: 'ZONE-CP VERSION', cell: (one) => lastOf(one)?.version?.kumaCp?.version ?? '' },
  { heading: 'BACKEND', cell: (one) => backendOf(lastOf(one)?.config) },
];

export const DATAPLANE_COLUMNS: readonly Column<Overview>[] = [
  { heading: 'MESH', cell: ({ mesh }) => mesh ?? '' },
  NAME,
  { heading: 'TAGS', cell: ({ dataplane }) => tagsCell(tagsOf(dataplane ?? {})) },
  { heading: 'STATUS', cell: (one) => dataplaneStatus(one).status },
  ...TRAFFIC,
  { heading: 'CERT REGENERATED AGO', cell: (one, now) => ago(mtlsOf(one)?.lastCertificateRegeneration, now) },
  { heading: 'CERT EXPIRATION', cell: (one) => dateCell(mtlsOf(one)?.certificateExpirationTime) },
  { heading: 'CERT REGENERATIONS', cell: (one) => mtlsOf(one)?.certificateRegenerations ?? 0 },
  { heading: 'CERT BACKEND', cell: (one) => (mtlsOf(one) ? mtlsOf(one)?.issuedBackend || 'unknown' : '-') },
  { heading: 'SUPPORTED CERT BACKENDS', cell: (one) => (mtlsOf(one)?.supportedBackends ?? []).join(',') },
  ...PROGRAMS,
  { heading: 'DEPENDENCIES VERSIONS', cell: (one) => dependenciesCell(lastOf(one)?.version?.dependencies) },
  { heading: 'NOTES', cell: (one) => dataplaneStatus(one).notes.join(';') },
  ...CREDENTIAL,
];

/** Kuma's older policies by the headings that they are counted under. */
const POLICIES: Readonly<Record<string, string>> = {
  'TRAFFIC PERMISSIONS': 'TrafficPermission',
  'TRAFFIC ROUTES': 'TrafficRoute',
  'CIRCUIT BREAKERS': 'CircuitBreaker',
  'HEALTH CHECKS': 'HealthCheck',
  'FAULT INJECTIONS': 'FaultInjection',
  'EXTERNAL SERVICES': 'ExternalService',
  'TRAFFIC TRACES': 'TrafficTrace',
  'TRAFFIC LOGS': 'TrafficLog',
  'PROXY TEMPLATES': 'ProxyTemplate',
  'VIRTUAL OUTBOUNDS': 'VirtualOutbound',
};

export const MESH_COLUMNS: readonly Column<MeshInsight>[] = [
  { heading: 'MESH', cell: ({ name }) => name },
  { heading: 'DATAPLANES', cell: ({ dataplanes }) => `${dataplanes?.online ?? 0}/${dataplanes?.total ?? 0}` },
  ...Object.entries(POLICIES).map(
    ([heading, type]): Column<MeshInsight> => ({ heading, cell: ({ policies }) => policies?.[type]?.total ?? 0 }),
  ),
];

function credentialOf(overview: Overview) {
  return insightOf(overview).metadata?.credential;
}

function mtlsOf(overview: Overview) {
  return insightOf(overview).mTLS;
}

function dependenciesCell(versions: Readonly<Record<string, string>> = {}): string {
  const told = Object.entries(versions).map(([name, version]) => `${name}: ${version}`);
  return told.sort().join(', ') || '-';
}

/** `2026-01-02 03:04:05`, in UTC. */
function dateCell(time: string | undefined): string {
  const date = new Date(time ?? '');
  return Number.isNaN(date.getTime()) ? '-' : date.toISOString().slice(0, 19).replace('T', ' ');
}

/** The type of the store in a zone's configuration; '' when it does not tell, or in no way that is known. */
function backendOf(config: string | undefined): string {
  try {
    return (JSON.parse(config ?? '{}') as { store?: { type?: string } }).store?.type ?? '';
  } catch {
    return '';
  }
}
