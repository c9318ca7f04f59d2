import { createSecureContext, type SecureContextOptions, type SecureVersion } from 'node:tls';
import { type Cancel, type Clock, sleep } from '../clock.js';
import type { Config } from '../config/settings.js';
import { envName, valueAt } from '../config/table.js';
import type { Log } from '../log.js';
import { keptPair, type NamedFile, type PairFiles } from './adapters/kept.js';
import {
  badSetting,
  certificateFilesIn,
  certificatesIn,
  checkKey,
  expiryOf,
  fingerprintOf,
  readText,
  Unusable,
} from './adapters/pem.js';
import { stampOf } from './adapters/stamp.js';
import { openSslCiphers } from './cipher-suites.js';
import { Watched } from './watched.js';

/** A server with TLS, named by the section of its settings. */
export type TlsServer = 'apiServer.https' | 'dpServer' | 'multizone.global.kds';

/** What a TLS server shows to its peers. It stays current while the files behind it change: see `ListenAddress.tls`. */
export interface TlsIdentity {
  /**
   * Certificate and key as PEM, versions and cipher suites, for `tls.createSecureContext`. With `ca`, the server asks
   * for client certificates and believes these.
   */
  readonly context: TlsContext;
  /** PEM of whom a peer must believe to believe the certificate, for peers who are not told otherwise. */
  readonly authority: string;
  /** Calls back after the context has changed; returns what ends that. */
  follow(changed: () => void): Cancel;
}

export interface TlsContext extends SecureContextOptions {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string[];
}

interface Parts {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  /** Of this machine: a certificate that is made names it. */
  readonly hostname: string;
}

interface Section {
  readonly tlsCertFile: string;
  readonly tlsKeyFile: string;
  readonly tlsMinVersion: string;
  readonly tlsMaxVersion: string;
  readonly tlsCipherSuites: readonly string[];
}

/** What is read from the files of a server. */
interface Material {
  readonly context: TlsContext;
  /** Fingerprints of the client certificates of administrators. */
  readonly admins: readonly string[];
}

const LOOK_EVERY_MS = 10_000;
const CLIENT_CERTS_DIR = 'apiServer.auth.clientCertsDir';

/**
 * Every certificate of a control plane. A server shows the one that its own settings name, else the one that the
 * general settings name, else one that is made at first start and kept in the work directory.
 */
export class Certificates {
  readonly #parts: Parts;
  readonly #watched = new Map<TlsServer, Watched<Material>>();
  #kept: Promise<PairFiles> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * What a server shows.
   * @throws ControlPlaneError `invalid` that names the setting whose file is missing, bad, or does not match another
   */
  async identity(server: TlsServer): Promise<TlsIdentity> {
    const { config, log } = this.#parts;
    const files = filesOf(config, server) ?? (await this.#keptFiles());
    const tellExpiry = () => {
      const expiry = expiryOf(watched.current.context.cert);
      if (expiry !== undefined) log.warn('the TLS certificate has expired', { server, file: files.cert.path, expiry });
    };
    const source = {
      read: () => materialOf(config, server, files),
      stamp: () => stampOf(sourcesOf(config, server, files)),
    };
    const watched = new Watched(source, {
      changed: () => {
        log.info('TLS files have changed: new connections see the new ones', { server });
        tellExpiry();
      },
      refused: (why) => log.warn('changed TLS files are of no use: the old ones stay', { server, why }),
    });
    this.#watched.set(server, watched);
    tellExpiry();
    if (server === 'apiServer.https' && isForAdmins(config)) {
      const { others } = certificateFilesIn(config.apiServer.auth.clientCertsDir);
      const { length } = watched.current.admins;
      log.info('who shows one of these client certificates is the administrator', {
        certificates: length,
        leftAlone: others,
      });
    }
    return {
      get context() {
        return watched.current.context;
      },
      get authority() {
        return files.authority ? certificatesFrom(files.authority).join('\n') : watched.current.context.cert;
      },
      follow: (changed) => watched.follow(changed),
    };
  }

  /** Begins to make what servers will ask for, where something must be made: a control plane has other work meanwhile. */
  prepare(): void {
    const { config } = this.#parts;
    const isGiven = (server: TlsServer) => filesOf(config, server) !== undefined;
    // Who asks later is told of the failure.
    if (!serversOf(config).every(isGiven)) this.#keptFiles().catch(() => undefined);
  }

  /** Whether a client certificate that the API server believes is an administrator's. @param fingerprint its SHA-256, as Node writes it */
  isAdmin(fingerprint: string): boolean {
    return this.#watched.get('apiServer.https')?.current.admins.includes(fingerprint) ?? false;
  }

  /** Looks for changed files until the signal ends. Call it after the identities were asked for. */
  async run(signal: AbortSignal): Promise<void> {
    while (this.#watched.size > 0 && !signal.aborted) {
      await sleep(this.#parts.clock, LOOK_EVERY_MS, signal);
      if (!signal.aborted) for (const watched of this.#watched.values()) watched.look();
    }
  }

  #keptFiles(): Promise<PairFiles> {
    const { config, hostname, log } = this.#parts;
    const { general, koguma, mode } = config;
    this.#kept ??= keptPair({ folder: general.workDir, authority: koguma.tls.caDir, name: mode, hostname, log });
    return this.#kept;
  }
}

/**
 * The certificates in a PEM file that a setting names.
 * @throws ControlPlaneError `invalid` that names the setting
 */
export function certificatesFrom(file: NamedFile): string[] {
  return using(file, () => certificatesIn(readText(file.path)));
}

/** All files, and the folder, that {@link materialOf} reads. */
function sourcesOf({ apiServer }: Config, server: TlsServer, { cert, key }: PairFiles): string[] {
  const clients = [apiServer.https.tlsCaFile, apiServer.auth.clientCertsDir].filter((path) => path !== '');
  return [cert.path, key.path, ...(server === 'apiServer.https' ? clients : [])];
}

function materialOf(config: Config, server: TlsServer, { cert, key }: PairFiles): Material {
  const chain = certificatesFrom(cert);
  const secret = using(key, () => {
    const text = readText(key.path);
    checkKey(text, chain[0] ?? '');
    return text;
  });
  const clients = server === 'apiServer.https' ? clientsOf(config) : { believed: undefined, admins: [] };
  const context = {
    cert: `${chain.join('\n')}\n`,
    key: secret,
    ...versionsOf(config, server),
    ...(clients.believed && { ca: clients.believed }),
  };
  using(cert, () => provide(context));
  return { context, admins: clients.admins.map(fingerprintOf) };
}

/** The last word is OpenSSL's, which also refuses what is too weak. */
function provide(context: TlsContext): void {
  try {
    createSecureContext(context);
  } catch (error) {
    throw new Unusable(`cannot be served (${(error as NodeJS.ErrnoException).code ?? 'not accepted by OpenSSL'})`);
  }
}

/** The servers with TLS that a control plane has. */
function serversOf({ mode, apiServer, multizone }: Config): TlsServer[] {
  return [
    ...(apiServer.https.enabled ? (['apiServer.https'] as const) : []),
    ...(mode === 'global' && multizone.global.kds.tlsEnabled ? (['multizone.global.kds'] as const) : []),
  ];
}

/** The files that settings name for a server; undefined when none do. */
function filesOf(config: Config, server: TlsServer): PairFiles | undefined {
  const section = [server, 'general'].find((path) => sectionOf(config, path).tlsCertFile !== '');
  if (section === undefined) return undefined;
  const { tlsCertFile, tlsKeyFile } = sectionOf(config, section);
  return {
    cert: { name: envName(`${section}.tlsCertFile`), path: tlsCertFile },
    key: { name: envName(`${section}.tlsKeyFile`), path: tlsKeyFile },
  };
}

/** The client certificates that the API server believes, and which of them are administrators'; it asks for none when undefined. */
function clientsOf(config: Config): { believed: string[] | undefined; admins: string[] } {
  const { apiServer } = config;
  const { tlsCaFile } = apiServer.https;
  const file = { name: envName('apiServer.https.tlsCaFile'), path: tlsCaFile };
  const authorities = tlsCaFile === '' ? [] : certificatesFrom(file);
  if (!isForAdmins(config)) return { believed: tlsCaFile === '' ? undefined : authorities, admins: [] };
  const folder = { name: envName(CLIENT_CERTS_DIR), path: apiServer.auth.clientCertsDir };
  const { files } = using(folder, () => certificateFilesIn(folder.path));
  const admins = files.flatMap((path) => certificatesFrom({ ...folder, path }));
  return { believed: [...authorities, ...admins], admins };
}

function isForAdmins({ apiServer }: Config): boolean {
  return apiServer.authn.type === 'adminClientCerts';
}

function versionsOf(
  config: Config,
  server: TlsServer,
): Pick<SecureContextOptions, 'minVersion' | 'maxVersion' | 'ciphers'> {
  const [own, general] = [sectionOf(config, server), config.general];
  const suites = own.tlsCipherSuites.length > 0 ? own.tlsCipherSuites : general.tlsCipherSuites;
  const maximum = own.tlsMaxVersion || general.tlsMaxVersion;
  return {
    minVersion: openSslVersion(own.tlsMinVersion || general.tlsMinVersion),
    ...(maximum && { maxVersion: openSslVersion(maximum) }),
    ciphers: openSslCiphers(suites),
  };
}

/** `TLSv1_2` as Node says it: `TLSv1.2`. */
function openSslVersion(version: string): SecureVersion {
  return version.replace('_', '.') as SecureVersion;
}

function sectionOf(config: Config, path: string): Section {
  return valueAt(config, path) as Section;
}

function using<T>({ name, path }: NamedFile, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof Unusable) throw badSetting(name, path, `which ${error.message}`);
    throw error;
  }
}
