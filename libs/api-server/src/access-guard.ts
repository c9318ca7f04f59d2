import { type AccessRight, ANONYMOUS, type Caller, type User } from '@koguma/auth';
import { ControlPlaneError } from '@koguma/core';
import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { certificateOf } from './client-certificates.js';
import { type ApiServerParts, PARTS } from './parts.js';
import { facts } from './route-facts.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; undefined only on public routes. */
    user?: User;
  }
}

/** Who makes a request, and what it is, for the log: its path, and nothing of its query or body. */
export function askedBy({ user, method, url }: FastifyRequest): { user: string; cause: string } {
  const [path = ''] = url.split('?', 1);
  return { user: user?.name ?? ANONYMOUS.name, cause: `${method} ${path}` };
}

/** Everybody may call it, and a credential is not even looked at. */
export const Public = () => facts({ demand: 'nothing' });

/** Everybody may call it; a caller who shows a credential must show a good one. */
export const OpenRead = () => facts({ demand: 'sound-credential' });

/** Who has the right may call it. @param act what is tried, as a refusal says it: `access the resource of type "Secret"` */
export const Needs = (right: AccessRight, act: string) => facts({ demand: { right, act } });

/**
 * Lets a request pass to its route, before anything of it but the headers is looked at. A route that does not say what
 * it asks of callers is open to nobody.
 */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(@Inject(PARTS) private readonly parts: ApiServerParts) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    // In an application that speaks gRPC too, that door looks after itself.
    if (context.getType() !== 'http') return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const { demand } = request.routeOptions.config;
    if (demand === 'nothing') return true;

    const { auth, certificates } = this.parts;
    const { users, access } = auth;
    const certificate = certificateOf(request.raw.socket);
    const showsAdminCertificate = certificate !== undefined && certificates?.isAdmin(certificate) === true;
    const user = await users.identify({ ...callerOf(request), showsAdminCertificate });
    request.user = user;
    if (demand === undefined) throw new ControlPlaneError('access_denied', 'this route is open to nobody');
    if (demand !== 'sound-credential') access.require(user, demand.right, demand.act);
    return true;
  }
}

/** A header that came twice is told as both, joined: no rule takes that for one good value. */
function callerOf({ raw }: FastifyRequest): Caller {
  const header = (name: string) => raw.headersDistinct[name]?.join(', ');
  return {
    remoteAddress: raw.socket.remoteAddress,
    authorization: header('authorization'),
    host: header('host'),
    origin: header('origin'),
    secFetchSite: header('sec-fetch-site'),
    forwarded: ['forwarded', 'x-forwarded-for', 'x-real-ip'].some((name) => header(name) !== undefined),
    scheme: 'encrypted' in raw.socket ? 'https' : 'http',
  };
}
