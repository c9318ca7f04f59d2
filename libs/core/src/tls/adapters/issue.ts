import { createPublicKey, KeyObject, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import type { Extension, JsonGeneralName, Name, X509Certificate } from '@peculiar/x509';
import { type KeyPair, readPrivateKey, Unusable } from './pem.js';

export type KeyType = 'rsa' | 'ecdsa';
/** Which end of a connection a certificate is for. */
export type CertificateUse = 'server' | 'client';

/** What a certificate is to say. */
export interface CertificateOrder {
  readonly commonName: string;
  /** Host names and IP addresses (RFC 5280, subjectAltName). */
  readonly names: readonly string[];
  readonly use: CertificateUse;
  readonly keyType: KeyType;
}

/** As Kuma's. Whoever needs shorter ones brings certificates of their own. */
const LIFETIME_MS = 10 * 365 * 24 * 3_600_000;
/** For peers whose clocks are behind. */
const BACKDATED_MS = 5 * 60_000;

type Algorithm = webcrypto.EcKeyGenParams | webcrypto.RsaHashedKeyGenParams;
const RSA: Algorithm = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
};
const ecdsa = (namedCurve: string): Algorithm & { hash: string } => ({ name: 'ECDSA', namedCurve, hash: 'SHA-256' });
const ALGORITHMS: Readonly<Record<KeyType, Algorithm>> = { rsa: RSA, ecdsa: ecdsa('P-256') };
/** OpenSSL's names of curves, and those of Web Cryptography. */
const CURVES: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };

/** A private key as PEM, in the form that OpenSSL and Kuma write: PKCS#1 for RSA, SEC 1 for elliptic curves. */
export async function newPrivateKey(type: KeyType): Promise<string> {
  return pemOf((await newKeys(type)).privateKey);
}

/**
 * Makes the certificate of an authority for a key. Two that were made for one key are the same to verifiers.
 * @throws Unusable when the key is neither RSA nor on a NIST curve
 */
export async function makeAuthority(key: string): Promise<KeyPair> {
  const x509 = await library();
  const keys = await keysOf(key);
  const name = 'CN=Koguma CA';
  const extensions = [
    new x509.BasicConstraintsExtension(true, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
  ];
  const params = { name, keys, ...validity(), signingAlgorithm: keys.algorithm, extensions };
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(params, webcrypto);
  return { cert: pem(certificate), key };
}

/**
 * Makes a certificate with a new key, signed by an authority.
 * @throws Unusable when the authority's key is neither RSA nor on a NIST curve
 */
export async function issueCertificate(authority: KeyPair, order: CertificateOrder): Promise<KeyPair> {
  const x509 = await library();
  const issuer = new x509.X509Certificate(authority.cert);
  const [signer, keys] = await Promise.all([keysOf(authority.key), newKeys(order.keyType)]);
  const extensions = [
    new x509.BasicConstraintsExtension(false, undefined, true),
    ...(await commonExtensions(order, keys, 0)),
    ...identifierOf(x509, issuer),
  ];
  const params = {
    subject: nameOf(x509, order.commonName),
    issuer: issuer.subjectName,
    publicKey: keys.publicKey,
    signingKey: signer.privateKey,
    signingAlgorithm: signer.algorithm,
    ...validity(),
    extensions,
  };
  return { cert: pem(await x509.X509CertificateGenerator.create(params, webcrypto)), key: pemOf(keys.privateKey) };
}

/** Makes a certificate that is its own authority, as `kumactl generate tls-certificate` does. */
export async function makeSelfSigned(order: CertificateOrder): Promise<KeyPair> {
  const x509 = await library();
  const keys = await newKeys(order.keyType);
  const extensions = [
    new x509.BasicConstraintsExtension(true, undefined, true),
    ...(await commonExtensions(order, keys, x509.KeyUsageFlags.keyCertSign)),
  ];
  const name = nameOf(x509, order.commonName);
  const params = { name, keys, ...validity(), signingAlgorithm: keys.algorithm, extensions };
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(params, webcrypto);
  return { cert: pem(certificate), key: pemOf(keys.privateKey) };
}

type Library = typeof import('@peculiar/x509');

/** Loaded when something is to be made, which is once in the life of a control plane: it takes longer than the making. */
async function library(): Promise<Library> {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

async function commonExtensions(order: CertificateOrder, keys: Keys, moreUsages: number): Promise<Extension[]> {
  const x509 = await library();
  const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags;
  const usages = digitalSignature | (order.keyType === 'rsa' ? keyEncipherment : 0) | moreUsages;
  const use = order.use === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth;
  const names = order.names.map((value): JsonGeneralName => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }));
  return [
    new x509.KeyUsagesExtension(usages, true),
    new x509.ExtendedKeyUsageExtension([use]),
    ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
    await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
  ];
}

/** Not as text, where a comma in a name would begin the next part of it. */
function nameOf(x509: Library, commonName: string): Name {
  return new x509.Name([{ CN: [{ utf8String: commonName }] }]);
}

function validity(): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - BACKDATED_MS), notAfter: new Date(now + LIFETIME_MS) };
}

interface Keys extends webcrypto.CryptoKeyPair {
  readonly algorithm: Algorithm;
}

async function newKeys(type: KeyType): Promise<Keys> {
  const algorithm = ALGORITHMS[type];
  const pair = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  return { ...pair, algorithm };
}

/** Of an authority's key as PEM. */
async function keysOf(key: string): Promise<Keys> {
  const secret = readPrivateKey(key);
  const curve = CURVES[secret.asymmetricKeyDetails?.namedCurve ?? ''];
  if (secret.asymmetricKeyType !== 'rsa' && curve === undefined)
    throw new Unusable('the key is neither RSA nor ECDSA on P-256, P-384 or P-521');
  const algorithm = curve === undefined ? RSA : ecdsa(curve);
  const { subtle } = webcrypto;
  const [privateKey, publicKey] = await Promise.all([
    subtle.importKey('pkcs8', secret.export({ type: 'pkcs8', format: 'der' }), algorithm, false, ['sign']),
    subtle.importKey('spki', createPublicKey(secret).export({ type: 'spki', format: 'der' }), algorithm, true, [
      'verify',
    ]),
  ]);
  return { privateKey, publicKey, algorithm };
}

/** Points at the authority by the identifier that it gives itself; verifiers refuse any other. */
function identifierOf(x509: Library, issuer: X509Certificate): Extension[] {
  const identifier = issuer.getExtension(x509.SubjectKeyIdentifierExtension);
  return identifier === null ? [] : [new x509.AuthorityKeyIdentifierExtension(identifier.keyId)];
}

function pem(certificate: X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}

function pemOf(key: webcrypto.CryptoKey): string {
  const secret = KeyObject.from(key);
  return secret.asymmetricKeyType === 'rsa'
    ? secret.export({ type: 'pkcs1', format: 'pem' }).toString()
    : secret.export({ type: 'sec1', format: 'pem' }).toString();
}
