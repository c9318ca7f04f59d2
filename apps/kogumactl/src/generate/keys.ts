import { nodeCrypto, parseRsaKey } from '@koguma/auth';
import { Failure } from '../failure.js';
import type { Terminal } from '../terminal.js';
import { readKeyFile } from './key-file.js';
import type { KeyFormat } from './key-formats.js';

/** Prints a new private key. In base64 without a line end: it is pasted into YAML. */
export async function generateSigningKey({ format }: { format: KeyFormat }, { out }: Terminal): Promise<void> {
  const { pem } = await nodeCrypto.makeKey();
  out.write(format === 'pem' ? pem : Buffer.from(pem).toString('base64'));
}

/** Prints the public half of a key as `RSA PUBLIC KEY` (PKCS#1) PEM. */
export function generatePublicKey({ signingKeyPath }: { signingKeyPath: string }, { out }: Terminal): void {
  const bytes = readKeyFile(signingKeyPath);
  try {
    out.write(parseRsaKey(bytes).publicPem);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const todo = 'Make one with: npx kogumactl generate signing-key --format=pem';
    throw new Failure(`${signingKeyPath} ${error.message}`, todo);
  }
}
