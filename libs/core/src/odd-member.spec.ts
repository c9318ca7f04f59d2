import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { oddMember } from './odd-member.js';

describe('a JSON text', () => {
  it.each([
    '{"a":1,"a":1}',
    '{"a":1,"\\u0061":2}',
    '{ "a" : 1 , "b" : 2 , "a" : 3 }',
    '[{"b":[1,{"c":{},"d":"}","c":[]}]}]',
    '{"":1,"":2}',
    '{"a\\"":1,"b":"{\\\\","a\\"":2}',
    '{"a":"\\\\","a":1}',
  ])('with a member twice is odd: %s', (json) => {
    expect(JSON.parse(json)).toBeDefined();
    expect(oddMember(json)).toBe('twice');
  });

  it.each(['{"__proto__":1}', '[{"a":{"\\u005f_proto__":{}}}]'])('with JavaScript’s own member is odd: %s', (json) => {
    expect(oddMember(json)).toBe('named __proto__');
  });

  it.each([
    '1',
    '"{\\"a\\":1,\\"a\\":1}"',
    '{"a":{"a":{"a":[{"a":1},{"a":1}]}}}',
    '{"a":"b","b":"a","c":["a","a"]}',
    '{"a":"\\\\\\"","b":"\\\\"}',
    '["__proto__"]',
    '{"a":"__proto__"}',
  ])('with neither is not: %s', (json) => {
    expect(oddMember(json)).toBeUndefined();
  });

  const withoutProto = (json: string) => !json.includes('__proto__');

  it('that JSON.stringify wrote is never odd', () => {
    const texts = fc.json({ maxDepth: 6 }).filter(withoutProto);
    fc.assert(
      fc.property(texts, (json) => {
        expect(oddMember(json)).toBeUndefined();
      }),
    );
  });

  it('is odd when one of its members is put in again, wherever that is', () => {
    const inner = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { minKeys: 1, noNullPrototype: true });
    fc.assert(
      fc.property(inner, fc.nat(), fc.nat(5), fc.jsonValue(), (object, which, depth, value) => {
        const names = Object.keys(object);
        const again = `${JSON.stringify(names[which % names.length])}:${JSON.stringify(value)}`;
        const twice = `${JSON.stringify(object).slice(0, -1)},${again}}`;
        const json = `${'{"in":['.repeat(depth)}${twice}${']}'.repeat(depth)}`;
        fc.pre(withoutProto(json));
        expect(oddMember(json)).toBe('twice');
      }),
    );
  });

  it('may be long, and hold much that is escaped', () => {
    const [text, quotes] = ['x'.repeat(5_000_000), '\\"'.repeat(2_000_000)];
    expect(oddMember(`{"a":"${text}","b":"${quotes}","c":1}`)).toBeUndefined();
    expect(oddMember(`{"a":"${text}","b":"${quotes}","a":1}`)).toBe('twice');
  });
});
