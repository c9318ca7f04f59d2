import { isIP } from 'node:net';

/** Envoy's `envoy.config.bootstrap.v3.Bootstrap`, in the JSON mapping. */
export type Bootstrap = Readonly<Record<string, unknown>>;

interface Order {
  readonly id: string;
  readonly cluster: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** 0 for none. */
  readonly adminPort: number;
  readonly host: string;
  readonly port: number;
  /** PEM. */
  readonly authority: string;
  /** Shown as it is, or read from a file for each new connection. */
  readonly credential: { readonly token: string } | { readonly path: string } | undefined;
}

const ADS_CLUSTER = 'ads_cluster';
const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const TYPE = 'type.googleapis.com/';
/** A control plane that is gone is noticed within a minute; Envoy then comes back after a time that it spreads itself. */
const KEEPALIVE = { interval: '30s', timeout: '30s' };

/** The least that makes Envoy ask this control plane for everything else. */
export function envoyBootstrap(order: Order): Bootstrap {
  const { id, cluster, metadata, adminPort } = order;
  const fromAds = { ads: {}, resourceApiVersion: 'V3', initialFetchTimeout: '0s' };
  return {
    node: { id, cluster, metadata },
    ...(adminPort === 0 ? {} : { admin: { address: socket('127.0.0.1', adminPort) } }),
    dynamicResources: {
      adsConfig: {
        apiType: 'GRPC',
        transportApiVersion: 'V3',
        setNodeOnFirstMessageOnly: true,
        grpcServices: [adsService(order)],
      },
      cdsConfig: fromAds,
      ldsConfig: fromAds,
    },
    staticResources: { clusters: [adsCluster(order)] },
  };
}

function adsService(order: Order): object {
  const { credential } = order;
  if (!credential) return { envoyGrpc: { clusterName: ADS_CLUSTER } };
  if ('path' in credential) return fileBasedService(order, credential.path);
  const initialMetadata = [{ key: 'authorization', value: credential.token }];
  return { envoyGrpc: { clusterName: ADS_CLUSTER }, initialMetadata };
}

/** Only Envoy's other gRPC client reads a credential from a file again. */
function fileBasedService({ host, port, authority }: Order, filename: string): object {
  const plugin = 'envoy.grpc_credentials.file_based_metadata';
  const config = 'envoy.config.grpc_credential.v3.FileBasedMetadataConfig';
  const typedConfig = { '@type': TYPE + config, secretData: { filename } };
  return {
    googleGrpc: {
      targetUri: isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`,
      statPrefix: 'ads',
      channelCredentials: { sslCredentials: { rootCerts: { inlineString: authority } } },
      callCredentials: [{ fromPlugin: { name: plugin, typedConfig } }],
      credentialsFactoryName: plugin,
    },
  };
}

function adsCluster({ host, port, authority }: Order): object {
  const isAddress = isIP(host) !== 0;
  const sanType = isAddress ? 'IP_ADDRESS' : 'DNS';
  return {
    name: ADS_CLUSTER,
    ...(isAddress ? { type: 'STATIC' } : { type: 'STRICT_DNS', dnsLookupFamily: 'V4_PREFERRED' }),
    connectTimeout: '5s',
    loadAssignment: {
      clusterName: ADS_CLUSTER,
      endpoints: [{ lbEndpoints: [{ endpoint: { address: socket(host, port) } }] }],
    },
    typedExtensionProtocolOptions: {
      [HTTP_OPTIONS]: {
        '@type': TYPE + HTTP_OPTIONS,
        explicitHttpConfig: { http2ProtocolOptions: { connectionKeepalive: KEEPALIVE } },
      },
    },
    transportSocket: {
      name: 'envoy.transport_sockets.tls',
      typedConfig: {
        '@type': `${TYPE}envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext`,
        ...(isAddress ? {} : { sni: host }),
        commonTlsContext: {
          alpnProtocols: ['h2'],
          tlsParams: { tlsMinimumProtocolVersion: 'TLSv1_2' },
          validationContext: {
            trustedCa: { inlineString: authority },
            matchTypedSubjectAltNames: [{ sanType, matcher: { exact: host } }],
          },
        },
      },
    },
  };
}

function socket(address: string, portValue: number): object {
  return { socketAddress: { address, portValue } };
}
