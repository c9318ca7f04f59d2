import { TOKEN_KIND_NAMES } from '@koguma/auth';
import { z } from 'zod';

/** What the routes under `/koguma` answer, for the description of the API. */

export const VERDICT = z.object({
  accepted: z.boolean(),
  reason: z.string().optional(),
  steps: z.array(z.object({ step: z.string(), ok: z.boolean(), detail: z.string() })),
  identity: z.looseObject({}).optional().describe('the claims of the kind'),
});
export const SYNC = z.looseObject({
  mode: z.enum(['global', 'zone']),
  revision: z.object({ epoch: z.string(), n: z.int() }),
});

const kind = z.enum(TOKEN_KIND_NAMES);
const count = z.int().nullable();
const time = z.string().nullable();
export const KEYS = z.object({
  controlPlane: z.string(),
  keys: z.array(
    z.object({
      kind,
      mesh: z.string().describe('* for a configured key that is good for every mesh'),
      source: z.enum(['secret', 'configuration']),
      foundIn: z.string().describe('which secret, or where in the configuration'),
      name: z.string().nullable().describe('the secret that holds it; null for a configured key'),
      kid: z.string(),
      serial: count,
      thumbprint: z.string(),
      createdAt: time,
      phase: z.enum(['active', 'prepared']),
      half: z.enum(['private', 'public']),
      signs: z.boolean(),
      crossing: z.enum(['private', 'public', 'never']),
      zones: z.array(
        z.object({
          zone: z.string(),
          state: z.enum(['Online', 'Stale', 'Offline']),
          since: time,
          lagMs: z.number().nullable(),
          program: z.enum(['koguma', 'kuma']).nullable(),
          has: z.enum(['yes', 'no', 'unknown']),
        }),
      ),
      proxies: z
        .array(z.object({ zone: z.string(), type: z.string(), mesh: z.string(), name: z.string(), expiresAt: time }))
        .describe('connected ones that showed a token of this key'),
      tokens: z
        .array(z.object({ controlPlane: z.string(), since: time, unexpired: count, latestExpiry: time }))
        .describe('what each control plane signed; nulls where that is not recorded'),
    }),
  ),
});
const milliseconds = z.number().nullable();
export const TIMELINE = z.object({
  items: z.array(
    z.object({
      of: z.enum(['revocation', 'key']),
      kind,
      mesh: z.string(),
      id: z.string(),
      name: z.string(),
      writtenAt: z.string(),
      revision: z.int(),
      milestones: z
        .array(
          z.object({
            controlPlane: z.string(),
            sent: milliseconds,
            applied: milliseconds,
            firstRefusal: milliseconds,
            lastClosed: milliseconds,
            closed: z.int(),
          }),
        )
        .describe('milliseconds from the write on global'),
    }),
  ),
});
const elsewhere = z.array(z.enum(['global', 'zones'])).describe('where else it can be done with the same effect');
const ability = z.object({ possible: z.boolean(), reason: z.string().optional(), elsewhere });
const key = z.object({ kid: z.string(), thumbprint: z.string(), foundIn: z.string() });
export const CAPABILITIES = z.object({
  mode: z.enum(['global', 'zone']),
  zone: z.string().optional(),
  tokens: z.array(
    z.object({
      kind,
      mesh: z.string().optional(),
      issue: ability.extend({ right: z.string(), signer: key.extend({ since: z.string() }).optional() }),
      verify: z.object({ possible: z.boolean(), keys: z.array(key) }),
      revoke: ability.extend({ list: z.object({ type: z.string(), name: z.string() }) }),
      rotate: ability,
    }),
  ),
});

export const EVENTS = z.object({
  items: z.array(
    z.object({
      id: z.string(),
      time: z.string(),
      level: z.enum(['info', 'warn', 'error']),
      scope: z.string(),
      event: z.string(),
      fields: z.looseObject({
        user: z.string().optional().describe('who asked for it'),
        cause: z.string().optional().describe('the request'),
      }),
    }),
  ),
});
