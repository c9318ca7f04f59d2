import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import path from 'node:path';
import { expandHome } from '../../adapters/command.js';
import { ControlPlaneError } from '../../errors.js';

/** A certificate and its private key, each as PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** Why something cannot be used, as the end of a sentence that begins with what it is. */
export class Unusable extends Error {}

/** The refusal of a setting for what is behind it. @param clause how the sentence goes on after the value: `which …` */
export function badSetting(name: string, value: string, clause: string): ControlPlaneError {
  const violation = { field: name, reason: `got ${JSON.stringify(value)}, ${clause}` };
  const message = `configuration is not valid: ${violation.field}: ${violation.reason}`;
  return new ControlPlaneError('invalid', message, { violations: [violation] });
}

/** @throws Unusable */
export function readText(file: string): string {
  try {
    return readFileSync(expandHome(file), 'utf8');
  } catch (error) {
    throw unreadable(error);
  }
}

/** The certificates in a PEM text, in their order, each as a PEM text. @throws Unusable when there is none, or a bad one */
export function certificatesIn(text: string): string[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Unusable('has no certificate in PEM');
  for (const block of blocks) parsed(block);
  return blocks;
}

/** SHA-256 of a certificate, as Node writes it. */
export function fingerprintOf(certificate: string): string {
  return parsed(certificate).fingerprint256;
}

/** When a certificate ended, if it did. */
export function expiryOf(certificate: string): string | undefined {
  const { validTo } = parsed(certificate);
  return Date.parse(validTo) <= Date.now() ? validTo : undefined;
}

/** @throws Unusable when the text is no private key, or that of another certificate */
export function checkKey(key: string, certificate: string): void {
  if (!parsed(certificate).checkPrivateKey(readPrivateKey(key)))
    throw new Unusable('does not belong to the certificate');
}

/** The files of a folder that hold certificates by their names, as in Kuma; `others` are left alone. @throws Unusable */
export function certificateFilesIn(folder: string): { files: string[]; others: string[] } {
  const dir = expandHome(folder);
  try {
    const names = readdirSync(dir).sort();
    const regular = names.filter((name) => statSync(path.join(dir, name)).isFile());
    const files = regular.filter((name) => /\.(pem|crt)$/.test(name));
    return { files: files.map((name) => path.join(dir, name)), others: names.filter((name) => !files.includes(name)) };
  } catch (error) {
    throw unreadable(error);
  }
}

/** What a certificate of ours must be for another start: undefined when it is, else what is wrong with it. */
export function defectOf({ cert, key }: KeyPair, authority: string, names: readonly string[]): string | undefined {
  try {
    const [own = ''] = certificatesIn(cert);
    checkKey(key, own);
    const certificate = parsed(own);
    const [expiry, issuer] = [expiryOf(own), parsed(authority)];
    if (expiry !== undefined) return `expired on ${expiry}`;
    if (Date.parse(certificate.validFrom) > Date.now()) return `is not valid before ${certificate.validFrom}`;
    if (!certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) return 'is of another authority';
    const missing = names.filter((name) => !isFor(certificate, name));
    return missing.length === 0 ? undefined : `does not name ${missing.join(', ')}`;
  } catch (error) {
    if (error instanceof Unusable) return error.message;
    throw error;
  }
}

/** @throws Unusable when the pair is not one that an authority signs with now */
export function checkAuthority({ cert, key }: KeyPair): void {
  const [own = ''] = certificatesIn(cert);
  if (!parsed(own).ca) throw new Unusable('is not the certificate of an authority (CA:TRUE)');
  const expiry = expiryOf(own);
  if (expiry !== undefined) throw new Unusable(`expired on ${expiry}`);
  checkKey(key, own);
}

function isFor(certificate: X509Certificate, name: string): boolean {
  if (isIP(name) !== 0) return certificate.checkIP(name) !== undefined;
  return (certificate.subjectAltName ?? '').split(', ').includes(`DNS:${name}`);
}

function parsed(certificate: string): X509Certificate {
  try {
    return new X509Certificate(certificate);
  } catch {
    throw new Unusable('has a certificate that cannot be read');
  }
}

/** @throws Unusable, never with a part of the text */
export function readPrivateKey(key: string): KeyObject {
  try {
    return createPrivateKey(key);
  } catch {
    throw new Unusable(key.includes('ENCRYPTED') ? 'is locked with a passphrase' : 'is not a private key in PEM');
  }
}

function unreadable(error: unknown): Unusable {
  return new Unusable(`cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`);
}
