import { describe, expect, it } from 'vitest';
import type { Failure } from '../failure.js';
import { readDocuments } from './documents.js';

const read = (text: string, mesh = 'default') => readDocuments(text, mesh);

function refusal(text: string): Failure {
  try {
    read(text);
  } catch (error) {
    return error as Failure;
  }
  throw new Error('it was read');
}

const SECRET = `
apiVersion: v1
kind: Secret
metadata:
  name: revocations
  namespace: kuma-system
  labels: {kuma.io/mesh: payments}
data:
  value: MGUxMjBlYzk=
type: system.kuma.io/secret
`;
const GLOBAL_SECRET = SECRET.replace('io/secret', 'io/global-secret').replace(/ {2}labels.*\n/, '');

describe('documents in the universal layout', () => {
  it('may be one or many, as YAML and as JSON', () => {
    const text = `
type: Mesh
name: demo
mtls: {enabledBackend: ca-1}
---
# nothing here
---
{"type": "Secret", "mesh": "demo", "name": "s", "data": "dGVzdA=="}
`;
    expect(read(text)).toEqual([
      {
        type: 'Mesh',
        mesh: '',
        name: 'demo',
        body: { type: 'Mesh', name: 'demo', mtls: { enabledBackend: 'ca-1' } },
      },
      {
        type: 'Secret',
        mesh: 'demo',
        name: 's',
        body: { type: 'Secret', mesh: 'demo', name: 's', data: 'dGVzdA==' },
      },
    ]);
  });

  it('are in the mesh of the call when they do not say in which', () => {
    expect(read('{type: Secret, name: s}', 'payments')).toMatchObject([
      { mesh: 'payments', body: { mesh: 'payments' } },
    ]);
    expect(read('{type: Zone, name: z}', 'payments')).toMatchObject([{ mesh: '', body: { type: 'Zone', name: 'z' } }]);
  });

  it('are passed on with all that they say: what is right is the control plane’s business', () => {
    const body = {
      type: 'Zone',
      name: 'z',
      mesh: 'odd',
      labels: { a: 'b' },
      creationTime: '0001-01-01T00:00:00Z',
      new: 1,
    };
    expect(read(JSON.stringify(body))).toEqual([{ type: 'Zone', mesh: 'odd', name: 'z', body }]);
  });
});

describe('a Secret of Kubernetes', () => {
  it('is a Secret of the mesh that its label says, or of the mesh default', () => {
    const body = { type: 'Secret', mesh: 'payments', name: 'revocations', data: 'MGUxMjBlYzk=' };
    expect(read(SECRET)).toEqual([{ type: 'Secret', mesh: 'payments', name: 'revocations', body }]);
    expect(read(SECRET.replace(/ {2}labels.*\n/, ''), 'other')).toMatchObject([{ mesh: 'default' }]);
  });

  it('is a GlobalSecret by its type', () => {
    const body = { type: 'GlobalSecret', name: 'revocations', data: 'MGUxMjBlYzk=' };
    expect(read(GLOBAL_SECRET)).toEqual([{ type: 'GlobalSecret', mesh: '', name: 'revocations', body }]);
  });

  it('keeps its other labels, and may have its base64 on several lines', () => {
    const text = SECRET.replace('payments}', 'payments, koguma.io/phase: prepared}').replace(
      'MGUxMjBlYzk=',
      '|\n    MGUx\n    MjBlYzk=',
    );
    expect(read(text)).toMatchObject([{ body: { labels: { 'koguma.io/phase': 'prepared' }, data: 'MGUxMjBlYzk=' } }]);
  });
});

describe('documents that cannot be applied', () => {
  it.each([
    ['{name: a}', 'type is missing: one of Mesh, Secret, '],
    ['{type: Mash, name: a}', 'type "Mash" is not known: use one of Mesh, '],
    ['{type: ZoneInsight, name: a}', 'type "ZoneInsight" is not known'],
    ['{type: Mesh}', 'name must be a string that is not empty'],
    ['{type: Mesh, name: 7}', 'name must be a string that is not empty'],
    ['{type: Secret, name: a, mesh: [x]}', 'mesh must be a string'],
    ['[1]', 'not an object'],
    ['text', 'not an object'],
    ['a: b: c', 'not YAML: Nested mappings are not allowed in compact mappings at line 1, column 4'],
    ['{type: Mesh, type: Mesh}', 'not YAML: Map keys must be unique at line 1, column 14'],
    [SECRET.replace('kind: Secret', 'kind: ConfigMap'), 'in the layout of Kubernetes only Secrets can be applied'],
    [SECRET.replace('apiVersion: v1', 'apiVersion: kuma.io/v1alpha1'), 'in the layout of Kubernetes only Secrets'],
    [
      SECRET.replace('system.kuma.io/secret', 'Opaque'),
      'type must be system.kuma.io/secret or system.kuma.io/global-secret',
    ],
    [SECRET.replace('  name: revocations\n', ''), 'metadata.name must be a string'],
    [SECRET.replace(/metadata:\n( {2}.*\n)*/, ''), 'metadata is missing: an object with the name'],
    [SECRET.replace('  value:', '  token:'), 'data.value must be a string: the secret in base64'],
    [SECRET.replace(/^data:\n.*\n/m, ''), 'data.value must be a string: the secret in base64'],
    [SECRET.replace('{kuma.io/mesh: payments}', '7'), 'metadata.labels must be an object of strings'],
    [SECRET.replace('payments', '7'), 'metadata.labels["kuma.io/mesh"] must be a string'],
    [SECRET.replace('io/secret', 'io/global-secret'), 'metadata.labels["kuma.io/mesh"] must be left out'],
  ])('%j: the field is named', (text, told) => {
    const { message } = refusal(text);
    expect(message.startsWith(`these documents cannot be applied\n* document 1: ${told}`), message).toBe(true);
  });

  it('are all named, and none is applied', () => {
    const { message, todo } = refusal('{type: Mesh, name: a}\n---\n{type: Mesh}\n---\n{name: b}');
    expect(message).toMatch(/\* document 2: name .*\n\* document 3: type is missing/);
    expect(todo).toContain('Nothing was applied');
  });

  it('are not quoted: what stands there may be a key', () => {
    expect(refusal('data: "c2VjcmV0\n  key: c2VjcmV0').message).not.toContain('c2VjcmV0');
  });

  it.each(['', '---\n---\n', '# nothing'])('are none: %j', (text) => {
    expect(refusal(text).message).toBe('no resource(s) passed to apply');
  });
});
