import { meshPublicKeys, publicKeys } from './public-keys.js';
import { type Nested, setting } from './table.js';
import {
  bool,
  bytes,
  cipherSuites,
  connections,
  count,
  dpProxyAuth,
  duration,
  durationOrNone,
  filePath,
  globalAddress,
  host,
  httpsUrl,
  isLoopback,
  list,
  listenAddress,
  name,
  oneOf,
  port,
  portToTell,
  remotePort,
  seconds,
  text,
  tlsVersion,
  tlsVersionOrNone,
  zoneName,
  zoneProxyAuth,
} from './values.js';

const NOT_YET = 'not supported yet';
const ADMIN = ['mesh-system:admin'];
const MIB = 1024 * 1024;

const mode = oneOf(['global', 'zone', 'standalone']).transform((word) => (word === 'standalone' ? 'zone' : word));

/**
 * Every setting, by its YAML path; the environment name is made from the path. What Kuma does not have is under
 * `koguma`. Names are Kuma's, and so are defaults, except that the store is SQLite, that PostgreSQL is asked for 10
 * connections instead of 50, and that servers listen on loopback until told otherwise.
 */
export const SETTINGS = {
  mode: setting(mode, ({ role }) => role),
  environment: setting(oneOf(['universal'], { kubernetes: NOT_YET }), 'universal'),
  'general.workDir': setting(filePath, '~/.koguma'),
  /** For every server that is not given its own. Empty: a certificate is made, and kept in the work directory. */
  'general.tlsCertFile': setting(text, ''),
  'general.tlsKeyFile': setting(text, ''),
  'general.tlsMinVersion': setting(tlsVersion, 'TLSv1_2'),
  'general.tlsMaxVersion': setting(tlsVersionOrNone, ''),
  'general.tlsCipherSuites': setting(cipherSuites, []),
  /** Where the authority is that signs what is made: `ca.crt` and `ca.key`, both made there when neither is. */
  'koguma.tls.caDir': setting(filePath, ({ at }) => at('general.workDir')),

  'store.type': setting(oneOf(['memory', 'sqlite', 'postgres'], { kubernetes: NOT_YET }), 'sqlite'),
  'store.unsafeDelete': setting(bool, false),
  'store.postgres.host': setting(host, '127.0.0.1'),
  'store.postgres.port': setting(remotePort, 15_432),
  'store.postgres.user': setting(name, 'kuma'),
  'store.postgres.password': setting(text, 'kuma', { secret: true }),
  'store.postgres.dbName': setting(name, 'kuma'),
  'store.postgres.connectionTimeout': setting(seconds, 5),
  /** Beside these there is one that listens. More would only wait: commits come one after another. */
  'store.postgres.maxOpenConnections': setting(count, 10),
  'store.postgres.tls.mode': setting(oneOf(['disable', 'verifyNone', 'verifyCa', 'verifyFull']), 'disable'),
  'store.postgres.tls.certPath': setting(text, ''),
  'store.postgres.tls.keyPath': setting(text, ''),
  'store.postgres.tls.caPath': setting(text, ''),
  /** Keys, one a line; the first encrypts what secrets are encrypted with. Empty: secrets are stored in the clear. */
  'koguma.store.encryption.keyFile': setting(text, ''),
  'koguma.store.sqlite.path': setting(filePath, ({ role, at }) => `${at('general.workDir')}/${role}.db`),

  'apiServer.http.interface': setting(listenAddress, '127.0.0.1'),
  'apiServer.http.port': setting(port, 5681),
  'apiServer.https.enabled': setting(bool, true),
  'apiServer.https.interface': setting(listenAddress, '127.0.0.1'),
  'apiServer.https.port': setting(port, 5682),
  'apiServer.https.tlsCertFile': setting(text, ''),
  'apiServer.https.tlsKeyFile': setting(text, ''),
  'apiServer.https.tlsMinVersion': setting(tlsVersionOrNone, ''),
  'apiServer.https.tlsMaxVersion': setting(tlsVersionOrNone, ''),
  'apiServer.https.tlsCipherSuites': setting(cipherSuites, []),
  'apiServer.https.requireClientCert': setting(bool, false),
  /** Whose client certificates may connect. That alone makes nobody a user. */
  'apiServer.https.tlsCaFile': setting(text, ''),
  'apiServer.readOnly': setting(bool, false),
  'apiServer.auth.clientCertsDir': setting(text, ''),
  'apiServer.authn.type': setting(oneOf(['tokens', 'adminClientCerts']), 'tokens'),
  'apiServer.authn.localhostIsAdmin': setting(bool, true),
  'apiServer.authn.tokens.bootstrapAdminToken': setting(bool, true),
  'apiServer.authn.tokens.enableIssuer': setting(bool, true),
  'apiServer.authn.tokens.validator.useSecrets': setting(bool, true),
  'apiServer.authn.tokens.validator.publicKeys': setting(publicKeys, [], { yamlOnly: true }),
  'koguma.http.maxBodySize': setting(bytes, 16 * MIB),

  'dpServer.port': setting(port, 5678, { onlyFor: 'zone' }),
  'koguma.dpServer.interface': setting(listenAddress, '127.0.0.1', { onlyFor: 'zone' }),
  /** Kuma's older setting decides for both kinds of proxies. */
  'dpServer.authn.dpProxy.type': setting(dpProxyAuth, 'dpToken', { formerly: ['dpServer.auth.type'] }),
  'dpServer.authn.zoneProxy.type': setting(zoneProxyAuth, 'zoneToken', { formerly: ['dpServer.auth.type'] }),
  'dpServer.authn.enableReloadableTokens': setting(bool, false, { formerly: ['dpServer.auth.useTokenPath'] }),
  /** When an open stream is judged again: when something changed, or as Kuma 2.0 and Kuma 2.10 do. */
  'koguma.dpServer.authn.recheck': setting(oneOf(['onChange', 'perRequest', 'perStream']), 'onChange'),
  'koguma.dpServer.authn.serviceAccount.jwksUri': setting(httpsUrl, ''),
  'koguma.dpServer.authn.serviceAccount.issuer': setting(text, ''),
  'koguma.dpServer.authn.serviceAccount.tokenReviewUri': setting(httpsUrl, ''),
  /** What a control plane shows when it asks for a review. */
  'koguma.dpServer.authn.serviceAccount.credentialFile': setting(text, ''),
  'koguma.dpServer.authn.serviceAccount.audience': setting(text, ''),
  'koguma.dpServer.authn.serviceAccount.caFile': setting(text, ''),
  'bootstrapServer.params.xdsHost': setting(text, '', { onlyFor: 'zone' }),
  /** 0: the port of the server itself. */
  'bootstrapServer.params.xdsPort': setting(portToTell, 0, { onlyFor: 'zone' }),
  'bootstrapServer.params.adminPort': setting(portToTell, 9901, { onlyFor: 'zone' }),
  'xdsServer.dataplaneStatusFlushInterval': setting(duration, 10_000, { onlyFor: 'zone' }),
  'xdsServer.dataplaneDeregistrationDelay': setting(duration, 10_000, { onlyFor: 'zone' }),
  'dpServer.tlsCertFile': setting(text, '', { onlyFor: 'zone' }),
  'dpServer.tlsKeyFile': setting(text, '', { onlyFor: 'zone' }),
  'dpServer.tlsMinVersion': setting(tlsVersionOrNone, '', { onlyFor: 'zone' }),
  'dpServer.tlsMaxVersion': setting(tlsVersionOrNone, '', { onlyFor: 'zone' }),
  'dpServer.tlsCipherSuites': setting(cipherSuites, [], { onlyFor: 'zone' }),
  'dpServer.authn.dpProxy.dpToken.enableIssuer': setting(bool, true),
  'dpServer.authn.dpProxy.dpToken.validator.useSecrets': setting(bool, true),
  'dpServer.authn.dpProxy.dpToken.validator.publicKeys': setting(meshPublicKeys, [], { yamlOnly: true }),
  'dpServer.authn.zoneProxy.zoneToken.enableIssuer': setting(bool, true),
  'dpServer.authn.zoneProxy.zoneToken.validator.useSecrets': setting(bool, true),
  'dpServer.authn.zoneProxy.zoneToken.validator.publicKeys': setting(publicKeys, [], { yamlOnly: true }),

  'access.static.adminResources.users': setting(list, ADMIN),
  'access.static.adminResources.groups': setting(list, ADMIN),
  'access.static.generateDpToken.users': setting(list, ADMIN),
  'access.static.generateDpToken.groups': setting(list, ADMIN),
  'access.static.generateUserToken.users': setting(list, ADMIN),
  'access.static.generateUserToken.groups': setting(list, ADMIN),
  'access.static.generateZoneToken.users': setting(list, ADMIN),
  'access.static.generateZoneToken.groups': setting(list, ADMIN),

  'multizone.global.kds.grpcPort': setting(port, 5685, { onlyFor: 'global' }),
  'multizone.global.kds.maxMsgSize': setting(bytes, 10 * MIB, { onlyFor: 'global' }),
  /** How long a zone may take to read one message. */
  'multizone.global.kds.msgSendTimeout': setting(duration, 60_000, { onlyFor: 'global' }),
  'multizone.global.kds.zoneInsightFlushInterval': setting(duration, 10_000, { onlyFor: 'global' }),
  /** Both zero, as in Kuma: zones choose how often they say that they live, and none is cut because it does not. */
  'multizone.global.kds.zoneHealthCheck.pollInterval': setting(durationOrNone, 0, { onlyFor: 'global' }),
  'multizone.global.kds.zoneHealthCheck.timeout': setting(durationOrNone, 0, { onlyFor: 'global' }),
  /** How often both sides of a link tell each other how far they are; three times that without a word is stale. */
  'koguma.multizone.global.kds.heartbeatInterval': setting(duration, 5_000, { onlyFor: 'global' }),
  'multizone.global.kds.tlsEnabled': setting(bool, true, { onlyFor: 'global' }),
  'multizone.global.kds.tlsCertFile': setting(text, '', { onlyFor: 'global' }),
  'multizone.global.kds.tlsKeyFile': setting(text, '', { onlyFor: 'global' }),
  'multizone.global.kds.tlsMinVersion': setting(tlsVersionOrNone, '', { onlyFor: 'global' }),
  'multizone.global.kds.tlsMaxVersion': setting(tlsVersionOrNone, '', { onlyFor: 'global' }),
  'multizone.global.kds.tlsCipherSuites': setting(cipherSuites, [], { onlyFor: 'global' }),
  'koguma.multizone.global.kds.interface': setting(listenAddress, '127.0.0.1', { onlyFor: 'global' }),
  'koguma.multizone.global.kds.maxConnections': setting(connections, 5_000, { onlyFor: 'global' }),
  /** How long a connection may be open without a stream. */
  'koguma.multizone.global.kds.idleTimeout': setting(duration, 30_000, { onlyFor: 'global' }),
  /** Who reaches KDS is given the signing keys: beyond this machine a zone has to prove that it is one. */
  'koguma.multizone.global.kds.authType': setting(
    oneOf(['none', 'cpToken']),
    ({ at }) => (isLoopback(at('koguma.multizone.global.kds.interface')) ? 'none' : 'cpToken'),
    { onlyFor: 'global' },
  ),

  'multizone.zone.name': setting(zoneName, 'default', { onlyFor: 'zone' }),
  'multizone.zone.globalAddress': setting(globalAddress, '', { onlyFor: 'zone' }),
  'multizone.zone.kds.maxMsgSize': setting(bytes, 10 * MIB, { onlyFor: 'zone' }),
  /** Whom this zone believes when global shows a certificate; read each time that it dials. Empty: the system's authorities. */
  'multizone.zone.kds.rootCaFile': setting(text, '', { onlyFor: 'zone' }),
  'multizone.zone.kds.tlsSkipVerify': setting(bool, false, { onlyFor: 'zone' }),
  /** What this zone proves itself to global with: a zone token of scope cp for its name; read each time that it dials. */
  'koguma.multizone.zone.kds.tokenFile': setting(text, '', { onlyFor: 'zone' }),
  'koguma.multizone.zone.reconnect.base': setting(duration, 250, { onlyFor: 'zone' }),
  'koguma.multizone.zone.reconnect.max': setting(duration, 60_000, { onlyFor: 'zone' }),
  /** The cluster id of the global that this zone may take in place of the one it knows. */
  'koguma.multizone.zone.adoptClusterId': setting(text, '', { onlyFor: 'zone' }),

  'diagnostics.serverPort': setting(port, 5680),
  'koguma.diagnostics.interface': setting(listenAddress, '127.0.0.1'),
  'defaults.skipMeshCreation': setting(bool, false),

  'koguma.lab': setting(bool, false),
  'koguma.log.level': setting(oneOf(['debug', 'info', 'warn', 'error']), 'info'),
};

/** The YAML path of a setting. */
export type Path = keyof typeof SETTINGS;

/** The configuration of one control plane. Durations are in milliseconds unless a row says seconds, sizes in bytes. */
export type Config = Nested<typeof SETTINGS>;
