import { describe, expect, it } from 'vitest';
import { FIRST } from './config-file.js';
import { switchedTo, targetOf, withControlPlane, withoutControlPlane } from './control-planes.js';

const east = { url: 'http://localhost:6681' };
const two = withControlPlane(FIRST, 'east', east);
const names = (config: typeof FIRST) => config.controlPlanes.map(({ name }) => name);

describe('a control plane', () => {
  it('is added under a context of its name, and is not current by that', () => {
    expect(names(two)).toEqual(['local', 'east']);
    expect(two.contexts.at(-1)).toEqual({ controlPlane: 'east', name: 'east' });
    expect(two.currentContext).toBe('local');
  });

  it('is replaced in its place, and its context keeps its mesh', () => {
    const config = { ...two, contexts: [{ name: 'east', controlPlane: 'other', defaults: { mesh: 'payments' } }] };
    const after = withControlPlane(config, 'local', east);
    expect(names(after)).toEqual(['local', 'east']);
    expect(targetOf(withControlPlane(config, 'east', east), 'east')).toEqual({
      name: 'east',
      apiServer: east,
      mesh: 'payments',
    });
  });

  it('is removed with its contexts, and the first that is left becomes current', () => {
    const after = withoutControlPlane(two, 'local');
    expect(after).toMatchObject({ contexts: [{ name: 'east' }], currentContext: 'east' });
    expect(withoutControlPlane(after, 'east')).toEqual({ contexts: [], controlPlanes: [], currentContext: '' });
    expect(withoutControlPlane(two, 'east').currentContext).toBe('local');
  });

  it('is switched to, also when it has no context yet', () => {
    expect(switchedTo(two, 'east').currentContext).toBe('east');
    expect(targetOf(switchedTo({ ...two, contexts: [] }, 'east'), undefined).apiServer).toBe(east);
  });

  it('must be there to be removed or switched to', () => {
    const refusal = 'there is no Control Plane with name "west"';
    expect(() => withoutControlPlane(two, 'west')).toThrow(refusal);
    expect(() => switchedTo(two, 'west')).toThrow(refusal);
  });
});

describe('the control plane that is spoken to', () => {
  it('is the one of the current context', () => {
    expect(targetOf(two, undefined)).toMatchObject({ name: 'local', mesh: undefined });
  });

  it('is the one that --context names: a context, or else a control plane', () => {
    const config = { ...two, contexts: [{ name: 'e', controlPlane: 'east' }] };
    expect(targetOf(config, 'e').apiServer).toBe(east);
    expect(targetOf(config, 'east').apiServer).toBe(east);
  });

  it('must be one of those that there are', () => {
    expect(() => targetOf(two, 'west')).toThrow('there is no context "west"');
    expect(() => targetOf({ ...two, currentContext: '' }, undefined)).toThrow('no control plane is chosen');
  });
});
