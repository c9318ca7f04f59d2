import { bothOrNone, type Rule } from './rule.js';
import type { Config } from './settings.js';
import { isLoopback } from './values.js';

type SectionName = 'general' | 'apiServer.https' | 'dpServer' | 'multizone.global.kds';
type Section = Pick<Config['general'], 'tlsCertFile' | 'tlsKeyFile' | 'tlsMaxVersion'> & {
  readonly tlsMinVersion: string;
};

/** Each section that has settings of TLS; what a server leaves open, the general section says. */
const sectionsOf = ({ general, apiServer, dpServer, multizone }: Config): [SectionName, Section][] => [
  ['general', general],
  ['apiServer.https', apiServer.https],
  ['dpServer', dpServer],
  ['multizone.global.kds', multizone.global.kds],
];

const certificatesHaveKeys: Rule = (config, _role, reading) => {
  for (const [name, { tlsCertFile, tlsKeyFile }] of sectionsOf(config)) {
    const certificate = { path: `${name}.tlsCertFile`, value: tlsCertFile } as const;
    bothOrNone(reading, certificate, { path: `${name}.tlsKeyFile`, value: tlsKeyFile });
  }
};

const versionsOverlap: Rule = (config, _role, reading) => {
  for (const [name, section] of sectionsOf(config)) {
    // What a server takes over from the general section is judged there.
    if (section.tlsMinVersion === '' && section.tlsMaxVersion === '') continue;
    const lowest = section.tlsMinVersion === '' ? 'general' : name;
    const highest = section.tlsMaxVersion === '' ? 'general' : name;
    const from = section.tlsMinVersion || config.general.tlsMinVersion;
    const to = section.tlsMaxVersion || config.general.tlsMaxVersion;
    if (to === '' || from <= to) continue;
    const reason = `but ${reading.nameOf(`${lowest}.tlsMinVersion`)} is ${from}: no version is left`;
    reading.refuse(reason, `${highest}.tlsMaxVersion`, `${lowest}.tlsMinVersion`);
  }
};

/** Client certificates only exist where there is TLS, and only of somebody whom the server knows. */
const clientCertificatesAreKnown: Rule = ({ apiServer }, _role, reading) => {
  const { auth, authn, https } = apiServer;
  const type = reading.nameOf('apiServer.authn.type');
  const folder = reading.nameOf('apiServer.auth.clientCertsDir');
  const withCertificates = authn.type === 'adminClientCerts';
  if (withCertificates) {
    reading.warnings.push(`${type} adminClientCerts is deprecated: use user tokens, which expire and can be revoked`);
    if (auth.clientCertsDir === '') {
      const reason = `which needs to know the certificates: set ${folder}`;
      reading.refuse(reason, 'apiServer.authn.type', 'apiServer.auth.clientCertsDir');
    }
    if (!https.enabled) {
      const reason = `which is for HTTPS: set ${reading.nameOf('apiServer.https.enabled')} to true`;
      reading.refuse(reason, 'apiServer.authn.type', 'apiServer.https.enabled');
    }
  } else if (auth.clientCertsDir !== '') {
    reading.warnings.push(`${folder} is not used: it is for ${type} adminClientCerts`);
  }
  if (!https.requireClientCert || withCertificates || https.tlsCaFile !== '') return;
  const file = reading.nameOf('apiServer.https.tlsCaFile');
  const reason = `which needs to know whose: set ${file}`;
  reading.refuse(reason, 'apiServer.https.requireClientCert', 'apiServer.https.tlsCaFile');
};

/** What global and zones say to each other holds private signing keys. */
const unprotectedSyncIsTold: Rule = ({ koguma, multizone }, role, reading) => {
  const { interface: address } = koguma.multizone.global.kds;
  const { globalAddress, kds } = multizone.zone;
  const global = new URL(globalAddress || 'none:').hostname.replace(/^\[|\]$/g, '');
  if (role === 'global' && !multizone.global.kds.tlsEnabled && !isLoopback(address)) {
    const name = reading.nameOf('multizone.global.kds.tlsEnabled');
    reading.warnings.push(`signing keys go to zones in the clear: ${name} true protects them`);
  }
  if (role === 'zone' && globalAddress.startsWith('grpc:') && !isLoopback(global)) {
    const name = reading.nameOf('multizone.zone.globalAddress');
    reading.warnings.push(`signing keys come from ${global} in the clear: a ${name} with grpcs:// protects them`);
  }
  if (role === 'zone' && globalAddress.startsWith('grpcs:') && kds.tlsSkipVerify) {
    const name = reading.nameOf('multizone.zone.kds.tlsSkipVerify');
    const protection = reading.nameOf('multizone.zone.kds.rootCaFile');
    reading.warnings.push(
      `with ${name}, keys are taken from whoever answers for global: ${protection} protects this zone`,
    );
  }
};

/** The rules of TLS and certificates. */
export const TLS_RULES: readonly Rule[] = [
  certificatesHaveKeys,
  versionsOverlap,
  clientCertificatesAreKnown,
  unprotectedSyncIsTold,
];
