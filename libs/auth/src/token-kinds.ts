import { isLabel, LABEL_RULE, type ResourceType } from '@koguma/resources';
import { z } from 'zod';
import type { AccessRight } from './access-right.js';

/** Which private half leaves global for the zones: the key itself, its public half, or nothing. */
export type Crossing = 'private' | 'public' | 'never';

/** The custom claims of a token, as its issuer writes them: what the token proves. */
export type Identity = Readonly<Record<string, unknown>>;

/** What a person asks for, read from a request body. */
export interface TokenRequest {
  readonly identity: Identity;
  /** The mesh whose keys sign; '' for kinds whose keys live outside meshes. */
  readonly mesh: string;
}

/** One row: everything the system knows of a kind of token. */
export interface TokenKind {
  readonly kind: string;
  /** Keys and revocations are mesh Secrets, or GlobalSecrets. */
  readonly secretType: Extract<ResourceType, 'Secret' | 'GlobalSecret'>;
  /** Key names are `{prefix}-{serial}`. */
  readonly signingKeyPrefix: (mesh: string) => string;
  /** Where a zone finds the public half, for kinds whose private half never leaves global. */
  readonly publicKeyPrefix?: string;
  readonly revocations: (mesh: string) => string;
  /** Who makes the first key: who creates a mesh, every control plane but a federated zone, or every one. */
  readonly defaultKey: 'mesh-owner' | 'not-federated' | 'every-control-plane';
  readonly crossing: Crossing;
  /** Seconds; undefined when the requester must say. */
  readonly defaultValidFor: number | undefined;
  /** Who may ask for one. */
  readonly right: AccessRight;
  /** Which of Kuma's switches govern it (`enableIssuer`, `validator.useSecrets`, `validator.publicKeys`). */
  readonly switches: 'dpToken' | 'zoneToken' | 'userToken';
  /**
   * Tokens that are signed elsewhere are taken too, by the public keys that those switches list. Of kinds with the
   * same switches at most one: a key of two kinds would make a token of one into a token of the other.
   */
  readonly signedElsewhere: boolean;
  /** What its holder is called at the API server, for tokens that make somebody a user: a name, and groups. */
  readonly callsItsHolder?: (identity: Identity) => readonly string[];
  /** Reads a request body (`POST /tokens/{kind}`) into the identity, in Kuma's order of claims. */
  readonly request: z.ZodType<TokenRequest>;
  /** Reads the claims of a presented token; absent or null lists and maps are empty. */
  readonly claims: z.ZodObject<Record<string, z.ZodType>>;
}

const TEN_YEARS = 87_600 * 3_600;
const SCOPES = ['ingress', 'egress', 'cp'] as const;
const PROXY_TYPES = ['dataplane', 'ingress', 'egress'];

const text = z.string('must be a string');
const required = z
  .string({ error: ({ input }) => (input === undefined || input === null ? 'cannot be empty' : 'must be a string') })
  .min(1, 'cannot be empty');
const optional = text.nullish().transform((value) => value ?? '');
const texts = z.array(text, 'must be a list of strings');
const listOf = texts.nullish().transform((value) => value ?? []);
const tags = z
  .record(z.string(), texts, 'must be an object of lists of strings')
  .nullish()
  .transform((value) => value ?? {});
const proxyType = text.nullish().transform((value, context) => {
  if (!value || PROXY_TYPES.includes(value)) return value ?? '';
  context.addIssue(`${value} is not a valid proxy type: use one of ${PROXY_TYPES.join(', ')}`);
  return z.NEVER;
});
const scopes = z
  .array(
    z.enum(SCOPES, {
      error: ({ input }) =>
        typeof input === 'string' ? `${input} is not a scope: use one of ${SCOPES.join(', ')}` : 'must be a string',
    }),
    { error: ({ input }) => (input === undefined || input === null ? 'cannot be empty' : 'must be a list of strings') },
  )
  .min(1, 'cannot be empty');

/**
 * The token kinds. Issuing, checking, key names, defaults, what crosses to zones and the REST routes all follow
 * from these rows; a new kind is one more row.
 */
export const TOKEN_KINDS = [
  {
    kind: 'dataplane',
    secretType: 'Secret',
    signingKeyPrefix: (mesh) => `dataplane-token-signing-key-${mesh}`,
    revocations: (mesh) => `dataplane-token-revocations-${mesh}`,
    defaultKey: 'mesh-owner',
    crossing: 'private',
    defaultValidFor: TEN_YEARS,
    right: 'generateDpToken',
    switches: 'dpToken',
    signedElsewhere: true,
    request: z
      .object(
        { name: optional, mesh: required, tags, type: proxyType, workload: text.nullish() },
        'must be a JSON object',
      )
      .transform(({ name, mesh, tags, type, workload }) => ({
        identity: {
          Name: name,
          Mesh: mesh,
          Tags: sortedTags(tags),
          Type: type,
          ...(workload ? { Workload: workload } : {}),
        },
        mesh,
      })),
    claims: z.object({ Name: optional, Mesh: optional, Tags: tags, Type: optional, Workload: optional }),
  },
  {
    kind: 'zone-ingress',
    secretType: 'GlobalSecret',
    signingKeyPrefix: () => 'zone-ingress-token-signing-key',
    revocations: () => 'zone-ingress-token-revocations',
    defaultKey: 'not-federated',
    crossing: 'private',
    defaultValidFor: TEN_YEARS,
    right: 'generateDpToken',
    switches: 'zoneToken',
    signedElsewhere: false,
    request: z
      .object({ zone: required.refine((zone) => zone === '' || isLabel(zone), LABEL_RULE) }, 'must be a JSON object')
      .transform(({ zone }) => ({ identity: { Zone: zone }, mesh: '' })),
    claims: z.object({ Zone: optional }),
  },
  {
    kind: 'zone',
    secretType: 'GlobalSecret',
    signingKeyPrefix: () => 'zone-token-signing-key',
    publicKeyPrefix: 'zone-token-signing-public-key',
    revocations: () => 'zone-token-revocations',
    defaultKey: 'not-federated',
    crossing: 'public',
    defaultValidFor: TEN_YEARS,
    right: 'generateZoneToken',
    switches: 'zoneToken',
    signedElsewhere: true,
    request: z
      .object(
        { zone: optional.refine((zone) => zone === '' || isLabel(zone), LABEL_RULE), scope: scopes },
        'must be a JSON object',
      )
      .refine(({ zone, scope }) => zone !== '' || !scope.includes('cp'), {
        path: ['zone'],
        error: 'cannot be empty with scope cp',
      })
      .transform(({ zone, scope }) => ({ identity: { Zone: zone, Scope: scope }, mesh: '' })),
    claims: z.object({ Zone: optional, Scope: listOf }),
  },
  {
    kind: 'user',
    secretType: 'GlobalSecret',
    signingKeyPrefix: () => 'user-token-signing-key',
    revocations: () => 'user-token-revocations',
    defaultKey: 'every-control-plane',
    crossing: 'never',
    defaultValidFor: undefined,
    right: 'generateUserToken',
    switches: 'userToken',
    signedElsewhere: true,
    callsItsHolder: ({ Name, Groups }) => [Name as string, ...(Groups as string[])],
    request: z
      .object({ name: required, groups: listOf }, 'must be a JSON object')
      .transform(({ name, groups }) => ({ identity: { Name: name, Groups: groups }, mesh: '' })),
    claims: z.object({ Name: required, Groups: listOf }),
  },
] as const satisfies readonly TokenKind[];

export type TokenKindName = (typeof TOKEN_KINDS)[number]['kind'];

export const TOKEN_KIND_NAMES = TOKEN_KINDS.map(({ kind }) => kind);

/** The row of a kind. */
export function tokenKind(kind: TokenKindName): TokenKind {
  return TOKEN_KINDS.find((row) => row.kind === kind) as TokenKind;
}

/** True for a word that names a row. */
export function isTokenKind(word: string): word is TokenKindName {
  return TOKEN_KINDS.some(({ kind }) => kind === word);
}

/**
 * The identity that claims tell, or what is wrong with them. A name that is a claim's but for its letters (`mesh` for
 * `Mesh`) is refused: Kuma reads it as that claim, and overlooking it would bind the token to less than was meant.
 */
export function readIdentity(kind: TokenKindName, claims: Identity): { identity: Identity } | { problem: string } {
  const { claims: schema } = tokenKind(kind);
  for (const name of Object.keys(schema.shape)) {
    const alike = Object.keys(claims).find((other) => other !== name && other.toLowerCase() === name.toLowerCase());
    if (alike !== undefined) return { problem: `the claim ${name} is spelled ${alike}` };
  }
  const parsed = schema.safeParse(claims);
  return parsed.success ? { identity: parsed.data } : { problem: 'the claims are not those of this kind of token' };
}

/** Values without duplicates and in order, tags without values dropped: one set of tags, one token. */
function sortedTags(tags: Record<string, string[]>): Record<string, string[]> {
  const entries = Object.entries(tags).filter(([, values]) => values.length > 0);
  return Object.fromEntries(entries.map(([tag, values]) => [tag, [...new Set(values)].sort()]));
}
