import type { AccessRight } from '@koguma/auth';
import { FASTIFY_ROUTE_CONFIG_METADATA } from '@nestjs/platform-fastify/constants.js';
import type { z } from 'zod';
import type { ErrorTitles } from './errors.js';

/** What a route asks of its caller. */
export type Demand = 'nothing' | 'sound-credential' | { readonly right: AccessRight; readonly act: string };

/** A schema with the name by which the description of the API knows it. */
export interface Named<T = unknown> {
  readonly name: string;
  readonly schema: z.ZodType<T>;
}

/** What readers of `/openapi.json` are told of a route, beyond what its path and its demand say. */
export interface Description {
  /** The heading that it stands under. */
  readonly group: string;
  readonly summary: string;
  /** The body of a success; left out for bare text. */
  readonly answer?: Named;
  /** Statuses of success, 200 when left out. */
  readonly statuses?: readonly number[];
  /** The JSON object that it takes, as it may be written. */
  readonly body?: Named;
  /** What it reads of the query; anything else there is ignored. */
  readonly query?: z.ZodObject;
}

/** All that is known of a route beside its path. It travels in Fastify's route config, so that everybody reads the same. */
export interface RouteFacts {
  readonly demand?: Demand | undefined;
  readonly errorTitles?: ErrorTitles | undefined;
  readonly description?: Description | undefined;
}

declare module 'fastify' {
  interface FastifyContextConfig extends RouteFacts {}
}

/** Adds to what is known of a route. Nest's own `RouteConfig` would replace what is there. */
export function facts(more: RouteFacts): MethodDecorator {
  return (_class, _name, { value: handler }) => {
    const known = Reflect.getMetadata(FASTIFY_ROUTE_CONFIG_METADATA, handler as object) as RouteFacts | undefined;
    Reflect.defineMetadata(FASTIFY_ROUTE_CONFIG_METADATA, { ...known, ...more }, handler as object);
  };
}

/** Describes a route for `/openapi.json`. */
export const About = (description: Description) => facts({ description });
