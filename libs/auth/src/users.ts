import { ControlPlaneError, type Log } from '@koguma/core';
import { type Caller, isLocal } from './local-caller.js';
import { TokenRejected, type TokenValidator } from './validator.js';

/** Who asks. */
export interface User {
  readonly name: string;
  readonly groups: readonly string[];
}

const AUTHENTICATED = 'mesh-system:authenticated';

export const ANONYMOUS: User = { name: 'mesh-system:anonymous', groups: ['mesh-system:unauthenticated'] };
export const ADMIN: User = { name: 'mesh-system:admin', groups: ['mesh-system:admin', AUTHENTICATED] };

interface Parts {
  readonly validator: TokenValidator;
  readonly log: Log;
  readonly localhostIsAdmin: boolean;
}

/** Tells who a caller of the API server is. */
export class Users {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * A caller who shows a token is that user or refused, wherever the call comes from. One who shows none is the
   * administrator with a listed client certificate or when local (see {@link isLocal}), and nobody otherwise.
   * @throws ControlPlaneError `unauthenticated`, with a text that tells nothing of the reason; the log has it
   */
  async identify(caller: Caller): Promise<User> {
    if (caller.authorization === undefined) {
      if (caller.showsAdminCertificate) return ADMIN;
      return this.#parts.localhostIsAdmin && isLocal(caller) ? ADMIN : ANONYMOUS;
    }
    const token = /^Bearer (\S+)$/.exec(caller.authorization)?.[1];
    try {
      if (token === undefined)
        throw new TokenRejected('malformed', 'the Authorization header is not "Bearer" and a token');
      const { Name, Groups } = (await this.#parts.validator.authenticate(token, 'user')) as {
        Name: string;
        Groups: string[];
      };
      return { name: Name, groups: [...Groups, AUTHENTICATED] };
    } catch (error) {
      if (!(error instanceof TokenRejected)) throw error;
      this.#parts.log.warn('authentication rejected', { reason: error.reason, detail: error.message });
      throw new ControlPlaneError('unauthenticated', 'Unauthenticated', { cause: error });
    }
  }
}
