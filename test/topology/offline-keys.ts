import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCrypto, signOffline } from '@koguma/auth';
import { type Clock, systemEntropy } from '@koguma/core';

/** The kinds of token that may be signed elsewhere. */
export const OFFLINE_KINDS = ['user', 'dataplane', 'zone'] as const;
export type OfflineKind = (typeof OFFLINE_KINDS)[number];

/** A request for a token of each kind. */
export const REQUESTS: Readonly<Record<OfflineKind, Record<string, unknown>>> = {
  user: { name: 'ci', groups: ['users'], validFor: '24h' },
  dataplane: { name: 'web', mesh: 'default', validFor: '24h' },
  zone: { zone: 'east', scope: ['ingress'], validFor: '24h' },
};

/** A row of `validator.publicKeys`. */
export interface PublicKey {
  readonly kid: string;
  readonly mesh?: string;
  readonly key?: string;
  readonly keyFile?: string;
}

export interface Switches {
  readonly enableIssuer?: boolean;
  readonly useSecrets?: boolean;
  readonly publicKeys?: readonly PublicKey[];
}

/** Kuma's YAML with the switches of some kinds; what is left out has its default. */
export function switchesYaml(switches: Partial<Record<OfflineKind, Switches>>): string {
  const of = ({ enableIssuer = true, useSecrets = true, publicKeys = [] }: Switches = {}) => ({
    enableIssuer,
    validator: { useSecrets, publicKeys },
  });
  return JSON.stringify({
    apiServer: { authn: { tokens: of(switches.user) } },
    dpServer: { authn: { dpProxy: { dpToken: of(switches.dataplane) }, zoneProxy: { zoneToken: of(switches.zone) } } },
  });
}

/** Pairs of keys that openssl makes, one of each kind and one that is `next`, in a folder that can be removed. */
export class OpensslKeys {
  readonly #folder = mkdtempSync(join(tmpdir(), 'koguma-offline-'));

  constructor() {
    for (const name of [...OFFLINE_KINDS, 'next']) {
      this.#openssl('genrsa', '-out', `${name}.pem`, '2048');
      this.#openssl('rsa', '-in', `${name}.pem`, '-pubout', '-out', `${name}.spki.pem`);
      this.#openssl('rsa', '-in', `${name}.pem`, '-RSAPublicKey_out', '-out', `${name}.pkcs1.pem`);
    }
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }

  path(file: string): string {
    return join(this.#folder, file);
  }

  text(file: string): string {
    return readFileSync(this.path(file), 'utf8');
  }

  /** The public half of a kind's key, by its file. */
  publicKey(kind: OfflineKind, kid = 'key-1', file = `${kind}.spki.pem`): PublicKey {
    return { kid, keyFile: this.path(file) };
  }

  /** A token that `kogumactl` would make, with the key of its kind unless told otherwise. */
  sign(
    clock: Clock,
    kind: OfflineKind,
    { kid = 'key-1', key = kind as string, request = REQUESTS[kind] } = {},
  ): Promise<string> {
    const ports = { crypto: nodeCrypto, clock, entropy: systemEntropy };
    return signOffline(kind, request, { kid, pem: this.text(`${key}.pem`) }, ports);
  }

  /** A signature by openssl itself (RS256, base64url). */
  signature(signed: string, key: OfflineKind): string {
    writeFileSync(this.path('signed'), signed);
    return this.#openssl('dgst', '-sha256', '-sign', `${key}.pem`, 'signed').toString('base64url');
  }

  #openssl(...args: string[]): Buffer {
    return execFileSync('openssl', args, { cwd: this.#folder, stdio: ['ignore', 'pipe', 'ignore'] });
  }
}
