import { z } from 'zod';

/** Specs of what proxies are, as far as a control plane needs them; what else they say is kept as it came. */

const address = z.string('must be an address').min(1, 'cannot be empty');
const port = z
  .int('must be a port, 1 to 65535')
  .min(1, 'must be a port, 1 to 65535')
  .max(65_535, 'must be a port, 1 to 65535');
const tags = z
  .record(z.string(), z.string('must be a string').min(1, 'cannot be empty'), 'must be an object of strings')
  .refine((all) => Object.hasOwn(all, 'kuma.io/service'), 'must have the tag kuma.io/service');

const networking = z
  .looseObject(
    {
      address,
      inbound: z.array(z.looseObject({ port, tags }, 'must be an object'), 'must be a list').optional(),
      gateway: z.looseObject({ tags }, 'must be an object').optional(),
    },
    'cannot be empty',
  )
  .refine(({ inbound, gateway }) => !(inbound?.length && gateway), 'must have inbounds or a gateway, not both');

/** Kuma's Dataplane (`kuma.mesh.v1alpha1.Dataplane`). */
export const dataplaneSpec = z.looseObject({ networking });

/** Kuma's ZoneIngress. The zone is the control plane's own; what a client says of it is corrected. */
export const zoneIngressSpec = z.looseObject({
  zone: z.string('must be a string').optional(),
  networking: z.looseObject(
    { address: address.optional(), port, advertisedAddress: address.optional(), advertisedPort: port.optional() },
    'cannot be empty',
  ),
});

/** Kuma's ZoneEgress. */
export const zoneEgressSpec = z.looseObject({
  zone: z.string('must be a string').optional(),
  networking: z.looseObject({ address: address.optional(), port }, 'cannot be empty'),
});
