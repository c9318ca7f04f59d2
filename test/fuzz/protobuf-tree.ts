import fc from 'fast-check';

/** A field as it is on the wire (protobuf encoding): messages within messages are read as such where they can be. */
export interface Field {
  readonly number: number;
  /** 0 varint, 1 eight bytes, 2 with a length, 5 four bytes; 3, 4, 6 and 7 are nobody's. */
  readonly wire: number;
  readonly value: bigint | Uint8Array | readonly Field[];
}

/** One change of a message, along its structure. */
export interface FieldMutation {
  readonly how: (typeof HOWS)[number];
  /** Where: which field at each depth. */
  readonly path: readonly number[];
  readonly number: number;
  readonly wire: number;
  readonly bytes: Uint8Array;
  readonly varint: bigint;
  readonly times: number;
}

const HOWS = [
  'drop',
  'twice',
  'renumber',
  'retype',
  'bytes',
  'varint',
  'unknown',
  'nest',
  'long length',
  'many',
] as const;
const DEEPEST = 6;
const MOST_COPIES = 300;

const oddBytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc
    .constantFrom(
      ...[
        '',
        '*',
        'a'.repeat(300),
        '\u0000',
        '../x',
        'default',
        'Mesh',
        'Secret',
        'GlobalSecret',
        'Config',
        'Dataplane',
      ],
      ...[
        'type.googleapis.com/kuma.mesh.v1alpha1.KumaResource',
        '__proto__',
        '{"a":1}',
        '\u202e',
        'x.default',
        '.',
        'a.b.c',
      ],
    )
    .map((text) => new Uint8Array(Buffer.from(text))),
  fc.constantFrom([0xff, 0xfe], [0xc3, 0x28], [0xed, 0xa0, 0x80]).map((bytes) => Uint8Array.from(bytes)),
);

export const fieldMutation: fc.Arbitrary<FieldMutation> = fc.record({
  how: fc.constantFrom(...HOWS),
  path: fc.array(fc.nat(12), { minLength: 1, maxLength: DEEPEST }),
  number: fc.oneof(fc.integer({ min: 0, max: 12 }), fc.constantFrom(536_870_911, 19_000, 100)),
  wire: fc.integer({ min: 0, max: 7 }),
  bytes: oddBytes,
  varint: fc.oneof(
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    fc.constantFrom(0n, 1n, 2n ** 31n, 2n ** 63n, 2n ** 32n - 1n),
  ),
  times: fc.integer({ min: 1, max: MOST_COPIES }),
});

/** @returns undefined for what is no message */
export function readFields(bytes: Uint8Array, depth = 0): Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint | undefined => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) return undefined;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return undefined;
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag === undefined || tag >> 3n === 0n) return undefined;
    const [number, wire] = [Number(tag >> 3n), Number(tag & 7n)];
    if (wire === 0) {
      const value = varint();
      if (value === undefined) return undefined;
      fields.push({ number, wire, value });
      continue;
    }
    const length = wire === 2 ? Number(varint() ?? -1n) : wire === 1 ? 8 : wire === 5 ? 4 : -1;
    if (length < 0 || at + length > bytes.length) return undefined;
    const value = bytes.subarray(at, at + length);
    at += length;
    const inner = wire === 2 && length > 0 && depth < DEEPEST ? readFields(value, depth + 1) : undefined;
    fields.push({ number, wire, value: inner ?? value });
  }
  return fields;
}

export function writeFields(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.map(written));
}

function written({ number, wire, value }: Field): Buffer {
  const tag = writeVarint((BigInt(number) << 3n) | BigInt(wire));
  if (typeof value === 'bigint') return Buffer.concat([tag, writeVarint(value)]);
  const bytes = value instanceof Uint8Array ? value : writeFields(value);
  return Buffer.concat(wire === 2 ? [tag, writeVarint(BigInt(bytes.length)), bytes] : [tag, bytes]);
}

function writeVarint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

/** The same message with one thing changed in it, at whatever depth. */
export function mutate(fields: readonly Field[], mutation: FieldMutation): Field[] {
  const [first = 0, ...path] = mutation.path;
  const index = fields.length === 0 ? 0 : first % fields.length;
  const field = fields[index];
  if (!field) return [{ number: mutation.number, wire: 2, value: mutation.bytes }];
  if (path.length > 0 && isNested(field.value)) {
    const inner = mutate(field.value, { ...mutation, path });
    return fields.with(index, { ...field, value: inner });
  }
  const rest = (...replaced: Field[]) => fields.toSpliced(index, 1, ...replaced);
  switch (mutation.how) {
    case 'drop':
      return rest();
    case 'twice':
      return rest(field, field);
    case 'many':
      return rest(...Array.from({ length: mutation.times }, () => field));
    case 'renumber':
      return rest({ ...field, number: mutation.number });
    case 'retype':
      return rest({ ...field, wire: mutation.wire });
    case 'bytes':
      return rest({ ...field, wire: 2, value: mutation.bytes });
    case 'varint':
      return rest({ ...field, wire: 0, value: mutation.varint });
    case 'unknown':
      return rest(field, { number: mutation.number, wire: 2, value: mutation.bytes });
    case 'nest':
      return rest({
        ...field,
        wire: 2,
        value: Array.from({ length: mutation.times }).reduce<Field[]>(
          (inner) => [{ ...field, wire: 2, value: inner.length > 0 ? writeFields(inner) : mutation.bytes }],
          [],
        ),
      });
    default:
      // The tag of a field with a length, and a length that is not there.
      return rest(
        { number: field.number, wire: 2, value: mutation.bytes },
        { number: 1, wire: 2, value: 2n ** 31n + mutation.varint },
      );
  }
}

function isNested(value: Field['value']): value is readonly Field[] {
  return Array.isArray(value);
}
