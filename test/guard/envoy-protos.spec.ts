import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { ENVOY } from '../peer/envoy-protos.js';

const protosOf = (lib: string) => fileURLToPath(new URL(`../../libs/${lib}/proto`, import.meta.url));
const OURS = protosOf('dp-server');
const root = new protobuf.Root();
root.resolvePath = (_origin, target) =>
  path.isAbsolute(target) ? target : path.join(target.startsWith('google/') ? protosOf('protobuf') : OURS, target);
const files = readdirSync(OURS, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.proto'));
root.loadSync(files.map((file) => path.join(OURS, file))).resolveAll();

/** Each message, enumeration and service in a namespace, by its full name. */
function* inside(namespace: protobuf.NamespaceBase): Generator<protobuf.Type | protobuf.Enum | protobuf.Service> {
  for (const one of namespace.nestedArray) {
    if (one instanceof protobuf.Type || one instanceof protobuf.Enum || one instanceof protobuf.Service) yield one;
    if (one instanceof protobuf.Namespace) yield* inside(one);
  }
}

const written = [...inside(root)].filter(({ fullName }) => /^\.(envoy|google\.rpc)\./.test(fullName));

/** What of a field is on the wire. */
function wireForm(field: protobuf.Field | undefined): object | undefined {
  if (!field) return undefined;
  const { id, repeated, resolvedType, type } = field;
  const key = field instanceof protobuf.MapField ? field.keyType : undefined;
  return { id, repeated, key, type: resolvedType?.fullName ?? type };
}

describe('the messages that proxies are spoken to with', () => {
  it('are as many as there are files, and more', () => {
    expect(written.length).toBeGreaterThan(files.length);
  });

  it.each(written.map((one) => [one.fullName, one] as const))(
    'have the numbers and types of Envoy’s: %s',
    (name, ours) => {
      const theirs = ENVOY.lookup(name);
      if (ours instanceof protobuf.Type) {
        const fields = (theirs as protobuf.Type | null)?.fields ?? {};
        for (const field of ours.fieldsArray)
          expect([field.name, wireForm(fields[field.name])]).toEqual([field.name, wireForm(field)]);
        expect(theirs).toBeInstanceOf(protobuf.Type);
      } else if (ours instanceof protobuf.Enum) {
        expect((theirs as protobuf.Enum).values).toMatchObject(ours.values);
      } else {
        const form = ({ requestType, responseType, requestStream, responseStream }: protobuf.Method) => ({
          requestType: requestType.split('.').pop(),
          responseType: responseType.split('.').pop(),
          requestStream,
          responseStream,
        });
        for (const [method, its] of Object.entries(ours.methods))
          expect(form((theirs as protobuf.Service).methods[method] as protobuf.Method)).toEqual(form(its));
      }
    },
  );
});
