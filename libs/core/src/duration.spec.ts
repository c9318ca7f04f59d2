import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from './duration.js';

const SECOND = 1_000_000_000n;
const MINUTE = 60n * SECOND;
const HOUR = 60n * MINUTE;
const MAX = 2n ** 63n - 1n;
const MIN = -(2n ** 63n);

describe('parseDuration', () => {
  it.each<[string, bigint]>([
    ['0', 0n],
    ['+0', 0n],
    ['-0', 0n],
    ['0s', 0n],
    ['5s', 5n * SECOND],
    ['+5s', 5n * SECOND],
    ['-5s', -5n * SECOND],
    ['-1h', -HOUR],
    ['1.5h', 90n * MINUTE],
    ['5.0s', 5n * SECOND],
    ['1.s', SECOND],
    ['.5s', SECOND / 2n],
    ['-.5s', -SECOND / 2n],
    ['1.004s', 1_004_000_000n],
    ['1.0040s', 1_004_000_000n],
    ['100.00100s', 100_001_000_000n],
    ['10ns', 10n],
    ['11us', 11_000n],
    ['12\u00b5s', 12_000n], // micro sign
    ['12\u03bcs', 12_000n], // Greek letter mu
    ['13ms', 13_000_000n],
    ['3h30m', 210n * MINUTE],
    ['10.5s4m', 4n * MINUTE + 10_500_000_000n],
    ['-2m3.4s', -(2n * MINUTE + 3_400_000_000n)],
    ['1h2m3s4ms5us6ns', HOUR + 2n * MINUTE + 3n * SECOND + 4_005_006n],
    ['39h9m14.425s', 39n * HOUR + 9n * MINUTE + 14_425_000_000n],
    ['52763797000ns', 52_763_797_000n],
    ['9007199254740993ns', 2n ** 53n + 1n],
    ['9223372036854775807ns', MAX],
    ['9223372036854775.807us', MAX],
    ['9223372036s854ms775us807ns', MAX],
    ['-9223372036854775808ns', MIN],
    ['-9223372036854775.808us', MIN],
    ['-9223372036s854ms775us808ns', MIN],
    ['0.100000000000000000000h', 6n * MINUTE],
    ['0.3333333333333333333h', 20n * MINUTE], // more digits than a nanosecond has: Go rounds
    ['0.830103483285477580700h', 49n * MINUTE + 48_372_539_827n],
  ])('reads %j', (text, nanos) => {
    expect(parseDuration(text)).toBe(nanos);
  });

  it.each<[string, string]>([
    ['', 'invalid duration ""'],
    ['-', 'invalid duration "-"'],
    ['+', 'invalid duration "+"'],
    ['.', 'invalid duration "."'],
    ['-.', 'invalid duration "-."'],
    ['s', 'invalid duration "s"'],
    ['.s', 'invalid duration ".s"'],
    ['+.s', 'invalid duration "+.s"'],
    [' 1s', 'invalid duration " 1s"'],
    ['--1s', 'invalid duration "--1s"'],
    ['30', 'missing unit in duration "30"'],
    ['1h30', 'missing unit in duration "1h30"'],
    ['1.2.3s', 'missing unit in duration "1.2.3s"'],
    ['1d', 'unknown unit "d" in duration "1d"'],
    ['1S', 'unknown unit "S" in duration "1S"'],
    ['1s ', 'unknown unit "s " in duration "1s "'],
    ['1h-30m', 'unknown unit "h-" in duration "1h-30m"'],
    ['1constructor', 'unknown unit "constructor" in duration "1constructor"'],
    ['3000000h', 'invalid duration "3000000h"'],
    ['9223372036854775808ns', 'invalid duration "9223372036854775808ns"'],
    ['9223372036854775.808us', 'invalid duration "9223372036854775.808us"'],
    ['-9223372036854775809ns', 'invalid duration "-9223372036854775809ns"'],
    ['9223372036s854ms775us808ns', 'invalid duration "9223372036s854ms775us808ns"'],
  ])('refuses %j as Go does', (text, message) => {
    expect(() => parseDuration(text)).toThrow(new RangeError(`time: ${message}`));
  });

  const UNITS = { ns: 1n, us: 1_000n, µs: 1_000n, μs: 1_000n, ms: 1_000_000n, s: SECOND, m: MINUTE, h: HOUR };
  const unit = fc.constantFrom(...(Object.keys(UNITS) as (keyof typeof UNITS)[]));
  const part = fc.record({ count: fc.bigInt({ min: 0n, max: 100_000n }), zeros: fc.nat(3), unit });

  it('adds up parts in any order, with leading zeros and with a sign', () => {
    const parts = fc.array(part, { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(parts, fc.constantFrom('', '+', '-'), (all, sign) => {
        const text = all.map(({ count, zeros, unit: name }) => `${'0'.repeat(zeros)}${count}${name}`).join('');
        const sum = all.reduce((total, { count, unit: name }) => total + count * UNITS[name], 0n);
        expect(parseDuration(sign + text)).toBe(sign === '-' ? -sum : sum);
      }),
    );
  });

  it('reads a fraction as that part of its unit, down to the nanosecond', () => {
    const exact = fc.constantFrom(['us', 3], ['ms', 6], ['s', 9]) as fc.Arbitrary<['us' | 'ms' | 's', number]>;
    fc.assert(
      fc.property(exact, fc.nat(999), fc.nat(999_999_999), ([name, digits], whole, fraction) => {
        const written = String(fraction).padStart(9, '0').slice(0, digits);
        const expected = BigInt(whole) * UNITS[name] + BigInt(written);
        expect(parseDuration(`${whole}.${written}${name}`)).toBe(expected);
      }),
    );
  });

  it('refuses a part without a unit, or with one that Go does not know, wherever it stands', () => {
    const known = fc
      .array(part, { maxLength: 3 })
      .map((all) => all.map(({ count, unit: name }) => `${count}${name}`).join(''));
    const oneOrMore = fc.integer({ min: 1 }); // a bare 0 needs no unit
    const strange = fc.constantFrom('', 'd', 'w', 'y', 'S', 'M', 'H', 'sec', 'min', 'nS', 'ks', '%', '-');
    fc.assert(
      fc.property(known, oneOrMore, strange, known, (before, count, name, after) => {
        expect(() => parseDuration(`${before}${count}${name}${name === '' ? '' : after}`)).toThrow(
          /^time: (missing|unknown) unit/,
        );
      }),
      { examples: [['', 1, '', '']] },
    );
  });

  it('reads any text at all, or refuses it as Go does; what it reads is an int64 that is written the same way again', () => {
    const alike = fc.stringMatching(/^[0-9.+\-hmsnuµμ d]{0,12}$/);
    const text = fc.oneof(fc.string(), alike, fc.string({ unit: 'binary' }));
    fc.assert(
      fc.property(text, (given) => {
        let nanos: bigint;
        try {
          nanos = parseDuration(given);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
          expect((error as RangeError).message).toMatch(
            /^time: (invalid|missing unit in|unknown unit ".*" in) duration "/s,
          );
          return;
        }
        expect(nanos >= MIN && nanos <= MAX).toBe(true);
        expect(parseDuration(formatDuration(nanos))).toBe(nanos);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is quick with very long text', () => {
    expect(parseDuration(`0.${'0'.repeat(100_000)}1s`)).toBe(0n);
    expect(() => parseDuration(`${'9'.repeat(100_000)}h`)).toThrow(RangeError);
  });
});

describe('formatDuration', () => {
  it.each<[bigint, string]>([
    [0n, '0s'],
    [1n, '1ns'],
    [1_100n, '1.1µs'],
    [2_200_000n, '2.2ms'],
    [300_000_000n, '300ms'],
    [3_300_000_000n, '3.3s'],
    [MINUTE, '1m0s'],
    [4n * MINUTE + 5n * SECOND, '4m5s'],
    [4n * MINUTE + 5_001_000_000n, '4m5.001s'],
    [5n * HOUR + 6n * MINUTE + 7_001_000_000n, '5h6m7.001s'],
    [8n * MINUTE + 1n, '8m0.000000001s'],
    [720n * HOUR, '720h0m0s'],
    [-90n * MINUTE, '-1h30m0s'],
    [MAX, '2562047h47m16.854775807s'],
    [MIN, '-2562047h47m16.854775808s'],
  ])('writes %d ns as Go does', (nanos, text) => {
    expect(formatDuration(nanos)).toBe(text);
  });

  it('writes what parseDuration reads back', () => {
    const whole = fc.bigInt({ min: MIN, max: MAX });
    const small = fc.bigInt({ min: -HOUR, max: HOUR });
    fc.assert(
      fc.property(fc.oneof(whole, small), (nanos) => {
        expect(parseDuration(formatDuration(nanos))).toBe(nanos);
      }),
      { numRuns: 1_000 },
    );
  });
});
