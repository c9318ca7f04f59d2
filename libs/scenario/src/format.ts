import { TOKEN_KIND_NAMES } from '@koguma/auth';
import { parseDuration, parseRfc3339 } from '@koguma/core';
import { z } from 'zod';
import { INVARIANTS } from './invariant-names.js';

const text = z.string('must be a text').min(1, 'cannot be empty');
const NAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
const name = text.regex(NAME, 'must be lower-case letters, digits and dashes');
const controlPlane = text.describe('a control plane: global, or the name of a zone');
const zone = text.describe('the name of a zone');
const zoneOrAll = text.describe('the name of a zone, or all');
const token = text.describe('what a token was called with `as`');
const mesh = name.describe('default when left out');
const kind = z.enum(TOKEN_KIND_NAMES, `must be one of ${TOKEN_KIND_NAMES.join(', ')}`);
const duration = text
  .refine((written) => isDuration(written), 'must be a duration: 721h, 10m, 1.5s')
  .describe('a duration: 721h, 10m, 1.5s');
const status = z.enum(['Online', 'Stale', 'Offline'], 'must be Online, Stale or Offline');
const labels = z.record(z.string(), z.string('must be a text'), 'must be an object of texts');
const env = labels.describe('environment of control planes: KUMA_…, KOGUMA_…');

/** What a token is to say: the body of `POST /tokens/{kind}`. */
const claims = {
  kind,
  mesh: mesh.optional(),
  name: text.optional(),
  type: z.enum(['dataplane', 'ingress', 'egress'], 'must be dataplane, ingress or egress').optional(),
  tags: z.record(z.string(), z.array(text), 'must be an object of lists of texts').optional(),
  zone: name.optional(),
  scope: z.array(z.enum(['ingress', 'egress', 'cp'], 'must be ingress, egress or cp')).optional(),
  groups: z.array(text).optional(),
  validFor: duration.optional(),
};
const as = name.describe('what it is called from now on');
const refused = text.describe('it must be refused, with an answer that has this text in it');

const fault = choice({
  cut: zoneOrAll.describe('breaks the link of a zone to global; both ends see it'),
  halfOpen: z
    .strictObject({ zone, direction: z.enum(['to-global', 'to-zone'], 'must be to-global or to-zone') })
    .describe('what goes that way does not arrive any more, and neither end is told'),
  slow: z.strictObject({ zone, latency: duration, jitter: duration.optional() }),
  flap: zoneOrAll.describe('resets the link once'),
  stop: controlPlane,
  wipe: controlPlane.describe('stops it, and loses its store'),
  skew: z.strictObject({ at: controlPlane, by: text.regex(/^-?[\dhmsµu.]+$/, 'must be a duration: 5m, -90s') }),
});

const expectation = choice(
  {
    verify: z.strictObject({
      token,
      at: controlPlane,
      is: z.enum(['accepted', 'refused'], 'must be accepted or refused'),
      reason: text.optional().describe('why it is refused, as explain names it: revoked, expired, unknown_kid, …'),
      because: text.optional().describe('a text in what explain says'),
    }),
    proxy: z.strictObject({
      name,
      is: z.enum(['connected', 'waiting', 'ended'], 'must be connected, waiting or ended'),
      because: text.optional().describe('a text in what the control plane told it'),
    }),
    status: z
      .strictObject({
        zone,
        is: z.union([status, z.array(status).min(1)], 'must be Online, Stale or Offline, or a list of them'),
        lagOver: duration.optional().describe('what it has is older than this'),
      })
      .describe('how a zone stands, as global sees it'),
    link: z
      .strictObject({
        zone,
        is: z.enum(['never-met', 'connecting', 'in-sync', 'stale', 'cut-off', 'refused'], 'is no state of a link'),
      })
      .describe('how a zone sees its own link'),
    synced: zoneOrAll.describe('has applied all that global has'),
    secret: z.strictObject({
      name: text,
      at: controlPlane,
      mesh: mesh.optional(),
      is: z.enum(['present', 'absent'], 'must be present or absent'),
    }),
    key: z
      .strictObject({
        kind,
        mesh: mesh.optional(),
        serial: z.int('must be a whole number'),
        signs: z.boolean('must be true or false').optional(),
        usedBy: z.array(name).optional().describe('connected proxies whose tokens it signed, and no others'),
        missingIn: z.array(name).optional().describe('zones that do not have it, and no others'),
      })
      .describe('what global knows of a signing key'),
    signedBy: z.strictObject({ token, kid: z.string('must be a text: "2"') }).optional(),
  },
  {
    within: duration.optional().describe('it may take this long; at once when left out'),
    for: duration.optional().describe('it must stay so this long'),
  },
);

const verbs = {
  issue: z.strictObject({ at: controlPlane, ...claims, as: as.optional(), refused: refused.optional() }),
  sign: z
    .strictObject({ ...claims, key: text.describe('what a secret was called with `as`'), kid: text, as })
    .describe('signs a token without any control plane'),
  revoke: z.strictObject({ at: controlPlane, token, refused: refused.optional() }),
  rotate: z
    .strictObject({
      at: controlPlane,
      kind,
      mesh: mesh.optional(),
      phase: z.enum(['active', 'prepared'], 'must be active or prepared').optional(),
    })
    .describe('brings a new signing key with the next serial number'),
  activate: z
    .strictObject({ at: controlPlane, kind, mesh: mesh.optional(), serial: z.int('must be a whole number') })
    .describe('lets a prepared key sign'),
  deleteKey: z.strictObject({
    at: controlPlane,
    kind,
    mesh: mesh.optional(),
    serial: z.int('must be a whole number'),
    dryRun: z.boolean('must be true or false').optional(),
    warns: text.optional().describe('a text in the warnings of the answer'),
  }),
  take: z
    .strictObject({ secret: text, from: controlPlane, mesh: mesh.optional(), as })
    .describe('reads a secret, to put it somewhere else or to sign with it'),
  put: z.strictObject({
    at: controlPlane,
    secret: text,
    mesh: mesh.optional(),
    value: text.describe('what was taken, or a text'),
    labels: labels.optional(),
    refused: refused.optional(),
  }),
  proxy: z.strictObject({
    name,
    zone,
    token,
    type: z.enum(['dataplane', 'ingress', 'egress'], 'must be dataplane, ingress or egress').optional(),
    mesh: mesh.optional(),
  }),
  stopProxy: name,
  fault,
  heal: zoneOrAll.describe('mends a link'),
  start: controlPlane,
  advance: duration,
  set: text.refine((written) => parseRfc3339(written) !== undefined, 'must be a time: 2027-01-01T00:00:00Z'),
  expect: expectation,
} as const;

const besides = { note: text.optional().describe('for readers: why') };
const step = choice(
  {
    ...verbs,
    repeat: z.strictObject({
      times: z.int('must be a whole number').min(1, 'must be at least 1').max(1_000, 'cannot be more than 1000'),
      steps: z.array(choice(verbs, besides), 'must be a list of steps').min(1, 'must have a step'),
    }),
  },
  besides,
);

/** A scenario, as its file says it. */
export const scenarioFormat = z.strictObject({
  name: name.describe('as its file'),
  about: text.describe('what it shows, in a sentence or two'),
  topology: z.strictObject({
    zones: z.array(name).max(20),
    env: env.optional(),
    nodes: z.record(z.string(), env).optional().describe('environment of single control planes, by name'),
  }),
  starts: text
    .refine((written) => parseRfc3339(written) !== undefined, 'must be a time: 2026-01-01T00:00:00Z')
    .optional()
    .describe('the time at which it begins'),
  allows: z
    .array(z.strictObject({ invariant: z.enum(INVARIANTS, `must be one of ${INVARIANTS.join(', ')}`), because: text }))
    .optional()
    .describe('invariants that it breaks on purpose'),
  sometimes: z
    .array(z.enum(['issue-while-partitioned'], 'must be issue-while-partitioned'))
    .optional()
    .describe('what must happen at least once in each run'),
  steps: z.array(step, 'must be a list of steps').min(1, 'must have a step'),
});

export type Scenario = z.infer<typeof scenarioFormat>;
/** A part of the story: one of its verbs, and perhaps a note. */
export type Step = z.infer<typeof step>;
export type Fault = z.infer<typeof fault>;
export type Expectation = z.infer<typeof expectation>;

/** JSON Schema (draft 2020-12) of a scenario's file, for editors. */
export function scenarioSchema(): object {
  return z.toJSONSchema(scenarioFormat);
}

/** An object with one of some words, and only one, and what may stand besides. */
function choice<
  W extends Readonly<Record<string, z.ZodType>>,
  B extends Readonly<Record<string, z.ZodType>> = Record<never, never>,
>(words: W, besides: B = {} as B) {
  const names = Object.keys(words);
  const optional = Object.fromEntries(names.map((name) => [name, (words[name] as z.ZodType).optional()])) as {
    [N in keyof W]: z.ZodOptional<W[N]>;
  };
  return z
    .strictObject({ ...optional, ...besides })
    .refine(
      (value) => names.filter((name) => name in value).length === 1,
      `must have one of ${names.join(', ')}, and only one`,
    )
    .meta({ oneOf: names.map((name) => ({ required: [name] })) });
}

function isDuration(written: string): boolean {
  try {
    return parseDuration(written) >= 0n;
  } catch {
    return false;
  }
}
