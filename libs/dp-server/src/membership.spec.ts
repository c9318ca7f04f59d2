import { describe, expect, it } from 'vitest';
import { exclusion } from './membership.js';
import { zoneUnderTest } from './zone-under-test.contract.js';

type Tags = Record<string, string>;
const mesh = (requirements: Tags[], restrictions: Tags[] = []) => {
  const all = (sets: Tags[]) => sets.map((tags) => ({ tags }));
  return { constraints: { dataplaneProxy: { requirements: all(requirements), restrictions: all(restrictions) } } };
};
const inbounds = (...all: Tags[]) => ({ spec: { networking: { inbound: all.map((tags) => ({ tags })) } }, labels: {} });
const gateway = (tags: Tags) => ({ spec: { networking: { gateway: { tags } } }, labels: {} });

describe('the membership of a mesh', () => {
  it.each([
    ['nothing is required', mesh([]), inbounds({ a: '1' })],
    ['there are no constraints', {}, inbounds({ a: '1' })],
    ['all inbounds have what is required', mesh([{ a: '1' }]), inbounds({ a: '1', b: '2' }, { a: '1' })],
    [
      'each inbound fulfils one of several requirements',
      mesh([{ a: '1' }, { b: '2' }]),
      inbounds({ a: '1' }, { b: '2' }),
    ],
    ['any value will do', mesh([{ a: '*' }]), inbounds({ a: 'x' })],
    ['a gateway has what is required', mesh([{ a: '1' }]), gateway({ a: '1' })],
    ['no restriction is met', mesh([], [{ a: '1', b: '2' }]), inbounds({ a: '1' })],
  ])('is open to a dataplane when %s', (_, spec, claim) => {
    expect(exclusion(spec, claim)).toBeUndefined();
  });

  it.each([
    [
      'one inbound lacks what is required',
      mesh([{ a: '1' }]),
      inbounds({ a: '1' }, { b: '2' }),
      'its tags {"b":"2"} fulfil no requirement of the mesh',
    ],
    [
      'only a part is fulfilled',
      mesh([{ a: '1', b: '2' }]),
      inbounds({ a: '1' }),
      'its tags {"a":"1"} fulfil no requirement of the mesh',
    ],
    [
      'the tag must be there with any value',
      mesh([{ a: '*' }]),
      inbounds({ b: 'x' }),
      'its tags {"b":"x"} fulfil no requirement of the mesh',
    ],
    [
      'it has no tags and some are required',
      mesh([{ a: '1' }]),
      inbounds(),
      'its tags {} fulfil no requirement of the mesh',
    ],
    [
      'a gateway is restricted',
      mesh([], [{ a: '*' }]),
      gateway({ a: '1' }),
      'its tags {"a":"1"} are among the restrictions of the mesh',
    ],
    [
      'it fulfils and is restricted',
      mesh([{ a: '1' }], [{ b: '2' }]),
      inbounds({ a: '1', b: '2' }),
      'its tags {"a":"1","b":"2"} are among the restrictions of the mesh',
    ],
  ])('is closed to a dataplane when %s', (_, spec, claim, told) => {
    expect(exclusion(spec, claim)).toBe(told);
  });

  it('binds people who write dataplanes, too', async () => {
    const zone = await zoneUnderTest();
    await zone.manager.put({ type: 'Mesh', mesh: '', name: 'default' }, mesh([{ team: 'shop' }]));
    const spec = (tags: Tags) => ({
      networking: { address: 'a', inbound: [{ port: 1, tags: { 'kuma.io/service': 'x', ...tags } }] },
    });
    await expect(zone.putDataplane('web-1', spec({}))).rejects.toMatchObject({ violations: [{ field: 'mesh' }] });
    await zone.putDataplane('web-1', spec({ team: 'shop' }));
  });

  it.each([
    [{ requirements: {} }, 'constraints.dataplaneProxy.requirements'],
    [{ restrictions: [{ tags: { a: 1 } }] }, 'constraints.dataplaneProxy.restrictions[0].tags.a'],
    [{ requirements: [{}] }, 'constraints.dataplaneProxy.requirements[0].tags'],
  ])('is refused where it cannot be read: %j', async (dataplaneProxy, field) => {
    const zone = await zoneUnderTest();
    const put = zone.manager.put({ type: 'Mesh', mesh: '', name: 'other' }, { constraints: { dataplaneProxy } });
    await expect(put).rejects.toMatchObject({ violations: [{ field }] });
  });
});
