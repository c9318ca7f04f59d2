import { readFileSync } from 'node:fs';
import { ControlPlaneError, expandHome } from '@koguma/core';

/** The setting of a zone that says what it proves itself with. */
const TOKEN_FILE = 'KOGUMA_MULTIZONE_ZONE_KDS_TOKEN_FILE';

/** Where a zone gets it. */
const REMEDY = 'put a zone token into it, made on global with scope cp for this zone';

/** The token in a file, without the white space around it. @throws ControlPlaneError `unavailable` when there is none */
export function readToken(file: string): string {
  const refuse = (clause: string) =>
    new ControlPlaneError('unavailable', `${TOKEN_FILE}: got ${JSON.stringify(file)}, which ${clause}: ${REMEDY}`);
  let token: string;
  try {
    token = readFileSync(expandHome(file), 'utf8').trim();
  } catch (error) {
    throw refuse(`cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
  if (token === '') throw refuse('is empty');
  // Whatever else is in it would be refused by gRPC with the bytes in the message, which may be those of a key.
  if (!/^[\x21-\x7e]+$/.test(token)) throw refuse('holds something else than a token');
  return token;
}
