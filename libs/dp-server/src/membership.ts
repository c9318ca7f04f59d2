import { type Opinion, type ResourceKey, type ResourceView, type Spec, type WriteHook } from '@koguma/resources';
import { type Claim, tagSetsOf } from './proxy.js';

type Tags = Readonly<Record<string, string>>;

interface Membership {
  readonly requirements?: readonly { readonly tags?: Tags }[];
  readonly restrictions?: readonly { readonly tags?: Tags }[];
}

/**
 * Why a dataplane may not be in a mesh, by Kuma's `constraints.dataplaneProxy`: each of its inbounds, and its gateway,
 * must match one requirement, where there are some, and no restriction.
 */
export function exclusion(mesh: Spec, { spec }: Claim): string | undefined {
  const constraints = Object(mesh.constraints) as { dataplaneProxy?: Membership };
  const { requirements = [], restrictions = [] } = constraints.dataplaneProxy ?? {};
  // Without inbounds there are no tags, and what is required is not there.
  const sets = tagSetsOf(spec);
  for (const tags of sets.length === 0 ? [{}] : sets) {
    const told = `its tags ${JSON.stringify(tags)}`;
    if (requirements.length > 0 && !requirements.some(({ tags: wanted }) => matches(wanted, tags)))
      return `${told} fulfil no requirement of the mesh`;
    if (restrictions.some(({ tags: unwanted }) => matches(unwanted, tags)))
      return `${told} are among the restrictions of the mesh`;
  }
  return undefined;
}

/** Lets nobody write a dataplane into a mesh that its constraints keep out, neither people nor proxies. */
export function membershipCheck(view: ResourceView): WriteHook {
  return {
    validate({ key, next }): Opinion {
      if (!next || key.type !== 'Dataplane') return {};
      const reason = exclusion(meshOf(view, key) ?? {}, next);
      return reason === undefined
        ? {}
        : { violations: [{ field: 'mesh', reason: `does not take this dataplane: ${reason}` }] };
    },
  };
}

/** The mesh that a proxy is in; undefined when there is none. */
export function meshOf(view: ResourceView, { mesh }: ResourceKey): Spec | undefined {
  return view.get({ type: 'Mesh', mesh: '', name: mesh })?.spec;
}

/** `*` stands for any value; a tag must be there all the same. */
function matches(wanted: Tags = {}, tags: Tags): boolean {
  return Object.entries(wanted).every(
    ([tag, value]) => tags[tag] !== undefined && (value === '*' || value === tags[tag]),
  );
}
