import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import { expandHome } from '../../adapters/command.js';
import { envName } from '../../config/table.js';
import { type Log, SILENT } from '../../log.js';
import { type CertificateOrder, issueCertificate, makeAuthority, newPrivateKey } from './issue.js';
import { badSetting, checkAuthority, defectOf, type KeyPair, readText, Unusable } from './pem.js';

const CA_DIR = envName('koguma.tls.caDir');
const WORK_DIR = envName('general.workDir');

export interface KeptIn {
  /** The folder of the certificate, which this control plane has for itself. */
  readonly folder: string;
  /** The folder of the authority, which control planes can share. */
  readonly authority: string;
  /** Tells the certificates of a global and a zone in one folder from each other. */
  readonly name: string;
  readonly hostname: string;
  readonly log: Log;
}

/** Where a pair is, and what each file is called in errors. */
export interface PairFiles {
  readonly cert: NamedFile;
  readonly key: NamedFile;
  /** Who signed it, where that is known. */
  readonly authority?: NamedFile;
}

export interface NamedFile {
  readonly name: string;
  readonly path: string;
}

/**
 * A certificate that no setting gave: the one that is kept from an earlier start, or a new one where that is not good
 * any more, signed by an authority that is made when there is none.
 * @throws ControlPlaneError `invalid` that names the setting of the folder which is in the way
 */
export async function keptPair(kept: KeptIn): Promise<PairFiles> {
  const home = { name: CA_DIR, path: kept.authority };
  const authority = await authorityIn(home, kept.log);
  const folder = expandHome(kept.folder);
  const file = (kind: 'crt' | 'key') => path.join(folder, `${kept.name}.${kind}`);
  const files = {
    cert: { name: 'the kept certificate', path: file('crt') },
    key: { name: 'its private key', path: file('key') },
    authority: { name: CA_DIR, path: path.join(expandHome(kept.authority), 'ca.crt') },
  };
  const names = namesOf(kept.hostname);
  const why = whyAnew(files, authority.cert, names);
  if (why === undefined) return files;
  if (why !== 'is not there') kept.log.warn('a new TLS certificate is made', { file: files.cert.path, why });
  const order = { commonName: 'koguma', names, use: 'server', keyType: 'ecdsa' } as const;
  const pair = await signing(home, () => issueCertificate(authority, order));
  writing({ name: WORK_DIR, path: kept.folder }, () => {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    write(files.key.path, pair.key, 0o600);
    write(files.cert.path, pair.cert, 0o644);
  });
  return files;
}

/**
 * A certificate by the authority of a folder (`ca.crt`, `ca.key`), which is made when there is none.
 * @param folder by what it is called in errors, and where it is
 * @throws ControlPlaneError `invalid` that names the folder when it is in the way
 */
export async function issueIn(folder: NamedFile, order: CertificateOrder): Promise<KeyPair> {
  const authority = await authorityIn(folder, SILENT);
  return signing(folder, () => issueCertificate(authority, order));
}

/** Everything that this machine can be dialled by. */
function namesOf(hostname: string): string[] {
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    // Link-local ones are of no use without the name of an interface, which no certificate can hold.
    .filter(({ address }) => !/^fe80:/i.test(address))
    .map(({ address }) => address);
  const host = /^[\w.-]+$/.test(hostname) ? [hostname.toLowerCase()] : [];
  return [...new Set(['localhost', ...host, '127.0.0.1', '::1', ...addresses])];
}

function whyAnew({ cert, key }: PairFiles, authority: string, names: readonly string[]): string | undefined {
  if (!fs.existsSync(cert.path) && !fs.existsSync(key.path)) return 'is not there';
  try {
    return defectOf({ cert: readText(cert.path), key: readText(key.path) }, authority, names);
  } catch (error) {
    if (error instanceof Unusable) return error.message;
    throw error;
  }
}

/**
 * The authority of a folder; made when there is none. Of several control planes that come first at the same time, one
 * makes the key and all take it: whichever of them writes the certificate of that key last, verifiers cannot tell.
 */
async function authorityIn(home: NamedFile, log: Log): Promise<KeyPair> {
  const folder = expandHome(home.path);
  const [certFile, keyFile] = [path.join(folder, 'ca.crt'), path.join(folder, 'ca.key')];
  if (!fs.existsSync(certFile)) {
    const key = await newPrivateKey('ecdsa');
    writing(home, () => {
      fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeFirst(keyFile, key);
    });
    const { cert } = await signing(home, () => makeAuthority(readText(keyFile)));
    writing(home, () => write(certFile, cert, 0o644));
    log.info('made an authority for TLS certificates', { file: certFile });
  }
  return signing(home, () => {
    const authority = { cert: readText(certFile), key: readText(keyFile) };
    checkAuthority(authority);
    return authority;
  });
}

function writing<T>({ name, path }: NamedFile, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw badSetting(name, path, `where certificates cannot be kept (${code ?? message})`);
  }
}

async function signing<T>({ name, path }: NamedFile, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    throw badSetting(name, path, `in which ca.crt or ca.key ${error.message}`);
  }
}

/** Whole or not at all: whoever reads meanwhile sees the old file. */
function write(file: string, text: string, mode: number): void {
  const draft = draftOf(file, text, mode);
  fs.renameSync(draft, file);
}

/** Whole or not at all, and only where nothing is yet. */
function writeFirst(file: string, text: string): void {
  const draft = draftOf(file, text, 0o600);
  try {
    fs.linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    fs.rmSync(draft);
  }
}

function draftOf(file: string, text: string, mode: number): string {
  const draft = `${file}.${randomUUID()}`;
  fs.writeFileSync(draft, text, { mode, flag: 'wx', flush: true });
  return draft;
}
