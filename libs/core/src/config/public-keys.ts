import { z } from 'zod';

/** A public key as it is configured, and the kid by which tokens name it. Either `key` or `keyFile` is there. */
export type PublicKeySetting = {
  readonly kid: string;
  /** The only mesh that the key is good for; undefined: it is good for every mesh. */
  readonly mesh?: string | undefined;
  /** PEM. */
  readonly key?: string | undefined;
  /** The path of a file with PEM. */
  readonly keyFile?: string | undefined;
};

const KID = { error: 'allowed: the kid of the tokens that this key signs, 1 to 253 characters' };
const MESH = 'the name of a mesh, or nothing for a key that is good for every mesh';

const MEMBERS = {
  kid: z.string(KID).min(1, KID).max(253, KID),
  key: optional('a public key in PEM'),
  keyFile: optional('the path of a file with a public key in PEM'),
};
const MEMBERS_IN_MESHES = { ...MEMBERS, mesh: optional(MESH, /^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$/) };

/** The public keys of tokens that belong to no mesh. */
export const publicKeys = listOf(MEMBERS);

/** The public keys of tokens that belong to a mesh: each for one mesh, or for all. */
export const meshPublicKeys = listOf(MEMBERS_IN_MESHES);

/** Empty text is nothing, as in a configuration that Kuma has written. */
function optional(allowed: string, pattern = /^/) {
  const error = `allowed: ${allowed}`;
  const text = z.string({ error }).regex(pattern, { error });
  return text.transform((given) => (given === '' ? undefined : given)).exactOptional();
}

function listOf(members: typeof MEMBERS) {
  const known = Object.keys(members).join(', ');
  const error: z.core.$ZodErrorMap = (issue) =>
    issue.code === 'unrecognized_keys'
      ? `${issue.keys.join(', ')} is not known here; allowed: ${known}`
      : `allowed: a section with ${known}`;
  const entry = z
    .strictObject(members, { error })
    .refine(({ key, keyFile }) => (key === undefined) !== (keyFile === undefined), {
      error: 'allowed: key or keyFile, one of the two',
      when: ({ issues }) => issues.length === 0,
    });
  const list: z.ZodType<readonly PublicKeySetting[]> = z.array(entry, {
    error: `allowed: a list of sections, each with ${known}`,
  });
  return list.superRefine((keys, context) => {
    for (const [at, { kid, mesh }] of keys.entries()) {
      const before = keys.findIndex((other) => other.kid === kid && meet(other.mesh, mesh));
      if (before < at)
        context.addIssue({
          code: 'custom',
          path: [at, 'kid'],
          message: `which is the kid of [${before}] too: give each key its own`,
        });
    }
  });
}

/** Whether there is a mesh that both are good for. */
function meet(one: string | undefined, other: string | undefined): boolean {
  return one === undefined || other === undefined || one === other;
}
