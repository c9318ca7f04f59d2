import { beforeEach, describe, expect, it } from 'vitest';
import type { Answer } from './control-plane.js';
import { Journal } from './journal.js';

const MESH = '/meshes/visitors';

/** A control plane with one mesh, whose answers can be lost, and which can be closed to whoever asks. */
class OneMesh {
  mesh: unknown;
  mood: 'well' | 'mute' | 'closed' = 'well';

  readonly send = async (method: string, _path: string, body?: unknown): Promise<Answer> => {
    const answer = (status: number, told: unknown = {}) => ({ status, body: told, text: '' }) as Answer;
    if (this.mood === 'closed') return answer(403);
    if (method === 'GET') return this.mesh === undefined ? answer(404) : answer(200, this.mesh);
    this.mesh = method === 'PUT' ? body : undefined;
    if (this.mood === 'mute') throw new Error('the answer is lost');
    return answer(200);
  };
}

let at: OneMesh;
let journal: Journal;
beforeEach(() => {
  at = new OneMesh();
  journal = new Journal();
});
const write = (body: unknown) => journal.send('global', at.send, 'PUT', MESH, body);
const undo = () => journal.undo((condition) => condition());

describe('what was written to a lab of others', () => {
  it.each([undefined, { was: 'there' }])('is as it was before (%j), once that is asked for', async (before) => {
    at.mesh = before;
    await write({ is: 'new' });
    await write({ is: 'newer' });
    expect(at.mesh).toEqual({ is: 'newer' });
    expect(await undo()).toEqual([]);
    expect(at.mesh).toEqual(before);
  });

  it('is put back also when nobody heard that it was written', async () => {
    at.mood = 'mute';
    await expect(write({ is: 'new' })).rejects.toThrow('the answer is lost');
    at.mood = 'well';
    expect(await undo()).toEqual([]);
    expect(at.mesh).toBeUndefined();
  });

  it('is not written where it cannot be looked at before', async () => {
    at.mood = 'closed';
    const { status } = await write({ is: 'new' });
    at.mood = 'well';
    expect([status, at.mesh, await undo()]).toEqual([403, undefined, []]);
  });

  it('is named when it cannot be put back', async () => {
    await write({ is: 'new' });
    at.mood = 'closed';
    expect(await undo()).toEqual(['/meshes/visitors at global: 403 ']);
  });
});
