/** The types of Kuma's resources on KDS, by what travels where and how. */

const RELAYED = ['ZoneIngress', 'MeshService', 'MeshZoneAddress'];
const LEGACY_POLICIES = [
  'CircuitBreaker',
  'FaultInjection',
  'HealthCheck',
  'RateLimit',
  'Retry',
  'Timeout',
  'TrafficLog',
  'TrafficPermission',
  'TrafficRoute',
  'TrafficTrace',
];
const POLICIES = [
  'MeshAccessLog',
  'MeshCircuitBreaker',
  'MeshFaultInjection',
  'MeshHTTPRoute',
  'MeshHealthCheck',
  'MeshLoadBalancingStrategy',
  'MeshMetric',
  'MeshPassthrough',
  'MeshProxyPatch',
  'MeshRateLimit',
  'MeshRetry',
  'MeshTCPRoute',
  'MeshTLS',
  'MeshTimeout',
  'MeshTrace',
  'MeshTrafficPermission',
];

/** What a 2.14.3 zone asks global for. */
export const GLOBAL_TO_ZONE: readonly string[] = [
  'Mesh',
  'Secret',
  'GlobalSecret',
  'Config',
  'ServiceInsight',
  ...RELAYED,
  'MeshMultiZoneService',
  'HostnameGenerator',
  'MeshGateway',
  'MeshGatewayRoute',
  'ExternalService',
  'VirtualOutbound',
  'ProxyTemplate',
  ...LEGACY_POLICIES,
  'MeshIdentity',
  'MeshTrust',
  'MeshOpenTelemetryBackend',
  'MeshExternalService',
  ...POLICIES,
];

/** Proxies and what is known of them: all that went from zones to global at first. */
export const PROXY_TYPES: readonly string[] = [
  'Dataplane',
  'DataplaneInsight',
  'ZoneEgress',
  'ZoneEgressInsight',
  'ZoneIngress',
  'ZoneIngressInsight',
];

/** What a 2.14.3 global asks a zone for. */
export const ZONE_TO_GLOBAL: readonly string[] = [
  ...PROXY_TYPES,
  'MeshService',
  'MeshZoneAddress',
  'Workload',
  'MeshGateway',
  'HostnameGenerator',
  'MeshExternalService',
  'MeshIdentity',
  'MeshTrust',
  'MeshOpenTelemetryBackend',
  ...POLICIES,
];

/** Types that 2.8 does not know yet. */
const AFTER_2_8 = [
  'MeshIdentity',
  'MeshTrust',
  'MeshOpenTelemetryBackend',
  'MeshZoneAddress',
  'MeshMultiZoneService',
  'MeshTLS',
  'Workload',
];

export const isKnownTo28 = (type: string): boolean => !AFTER_2_8.includes(type);

/** Types with a protobuf message of their own; the spec of all others is JSON in an Any without a type. */
const PROTOBUF_TYPES = [
  'Mesh',
  'Dataplane',
  'DataplaneInsight',
  'ServiceInsight',
  'ZoneIngress',
  'ZoneIngressInsight',
  'ZoneEgress',
  'ZoneEgressInsight',
  'MeshGateway',
  'MeshGatewayRoute',
  'ExternalService',
  'VirtualOutbound',
  'ProxyTemplate',
  ...LEGACY_POLICIES,
];

/** The `type_url` that the spec of a resource must have. */
export function specTypeUrl(type: string): string {
  if (type === 'Secret' || type === 'GlobalSecret') return 'type.googleapis.com/kuma.system.v1alpha1.Secret';
  if (type === 'Config') return 'type.googleapis.com/kuma.system.v1alpha1.Config';
  return PROTOBUF_TYPES.includes(type) ? `type.googleapis.com/kuma.mesh.v1alpha1.${type}` : '';
}

const GLOBAL_SCOPED = [
  'Mesh',
  'GlobalSecret',
  'Config',
  'ZoneIngress',
  'ZoneIngressInsight',
  'ZoneEgress',
  'ZoneEgressInsight',
  'HostnameGenerator',
];

export const isInMesh = (type: string): boolean => !GLOBAL_SCOPED.includes(type);

/** Types whose names global does not hash on their way to zones. */
export const KEEPS_NAME: readonly string[] = ['Mesh', 'Config', 'Secret', 'GlobalSecret'];

export const ORIGIN = 'kuma.io/origin';
export const DISPLAY_NAME = 'kuma.io/display-name';
const ZONE = 'kuma.io/zone';
const NAMESPACE = 'k8s.kuma.io/namespace';

const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;
const LETTERS = 'bcdfghjklmnpqrstvwxz2456789';

interface Named {
  readonly mesh: string;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** The name by which the other side of KDS knows a resource: readable, and unique over meshes, zones and namespaces. */
export function hashedName({ mesh, name, labels = {} }: Named): string {
  const shown = labels[DISPLAY_NAME] ?? name;
  let hash = FNV_OFFSET;
  for (const byte of Buffer.from(mesh + shown + (labels[ZONE] ?? '') + (labels[NAMESPACE] ?? ''))) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * FNV_PRIME);
  }
  const digits = hash.toString(16).padStart(16, '0');
  const suffix = digits.replace(/./g, (digit) => LETTERS.charAt(digit.charCodeAt(0) % LETTERS.length));
  return `${shown.slice(0, 236)}-${suffix}`;
}
