import { knownSecretNames } from '@koguma/auth';
import { RESOURCE_TYPES, type ResourceKey, type ResourceType } from '@koguma/resources';
import { Controller, Get, Inject } from '@nestjs/common';
import { z } from 'zod';
import { OpenRead } from './access-guard.js';
import { type ApiServerParts, PARTS } from './parts.js';
import { About } from './route-facts.js';

const POLICIES = z.object({ policies: z.array(z.never()) });
const TYPES = z.object({
  resources: z.array(
    z.object({
      name: z.string(),
      scope: z.enum(['Mesh', 'Global']),
      path: z.string(),
      readOnly: z.boolean().describe('this control plane takes no writes of the type'),
      includeInFederation: z.boolean().describe('global sends the type to its zones'),
      singularDisplayName: z.string(),
      pluralDisplayName: z.string(),
      shortName: z.string(),
    }),
  ),
});

const group = 'Control plane';

/** Which types there are, for clients that read the table of types instead of having it built in. */
@Controller()
export class TypesController {
  constructor(@Inject(PARTS) private readonly parts: ApiServerParts) {}

  @Get('_resources')
  @OpenRead()
  @About({ group, summary: 'the types of resources', answer: { name: 'ResourceTypes', schema: TYPES } })
  types(): z.infer<typeof TYPES> {
    const rows = Object.values(RESOURCE_TYPES).flatMap(({ type, scope, path, crosses, shortName }) => {
      if (path === undefined) return [];
      const words = type.replace(/(?<=[a-z])(?=[A-Z])/g, ' ');
      return {
        name: type,
        scope: scope === 'mesh' ? ('Mesh' as const) : ('Global' as const),
        path,
        readOnly: this.#isReadOnly(type),
        includeInFederation: crosses === 'to-zones',
        singularDisplayName: words,
        pluralDisplayName: words.replace(/(s|sh)?$/, (hissing) => `${hissing}${hissing === '' ? 's' : 'es'}`),
        shortName,
      };
    });
    return { resources: rows.sort((a, b) => (a.name < b.name ? -1 : 1)) };
  }

  /** Koguma has no type that Kuma calls a policy; kumactl and the GUI want to be told so. */
  @Get('policies')
  @OpenRead()
  @About({ group, summary: 'the types of policies: none', answer: { name: 'Policies', schema: POLICIES } })
  policies(): z.infer<typeof POLICIES> {
    return { policies: [] };
  }

  /** A zone takes some secrets by their names: a type is read-only when there is no name that could be written. */
  #isReadOnly(type: ResourceType): boolean {
    const names: ResourceKey[] = [{ type, mesh: '', name: '' }, ...knownSecretNames('')];
    return names.every((key) => key.type !== type || this.parts.manager.readOnlyReason(key) !== undefined);
  }
}
