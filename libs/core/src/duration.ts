/** Go's duration grammar (`time.ParseDuration`), which Kuma's API and command line speak: `720h`, `1h30m`, `1.5s`. */

const NANOS_PER_UNIT: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n, // U+00B5, micro sign
  μs: 1_000n, // U+03BC, Greek letter mu
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const MAX_INT64 = 2n ** 63n - 1n;
const PART = /^(\d*)(?:\.(\d*))?([^\d.]*)/;

export const NANOS_PER_SECOND = 1_000_000_000n;
export const NANOS_PER_MILLISECOND = 1_000_000n;

/**
 * Reads a Go duration into nanoseconds. Units are ns, us, µs, ms, s, m and h; there is no day.
 * @throws RangeError worded as Go words it, for text that Go refuses, overflow of int64 included
 */
export function parseDuration(text: string): bigint {
  const refuse = (why: string) => new RangeError(`time: ${why} ${JSON.stringify(text)}`);
  const negative = text.startsWith('-');
  let rest = negative || text.startsWith('+') ? text.slice(1) : text;
  if (rest === '0') return 0n;
  if (rest === '') throw refuse('invalid duration');

  let total = 0n;
  while (rest !== '') {
    const [whole = '', integer = '', fraction = '', unit = ''] = PART.exec(rest) ?? [];
    if (integer === '' && fraction === '') throw refuse('invalid duration');
    if (unit === '') throw refuse('missing unit in duration');
    const nanos = Object.hasOwn(NANOS_PER_UNIT, unit) ? NANOS_PER_UNIT[unit] : undefined;
    if (nanos === undefined) throw refuse(`unknown unit ${JSON.stringify(unit)} in duration`);
    total += BigInt(integer || '0') * nanos + fractionOf(fraction, nanos);
    if (total > MAX_INT64 + (negative ? 1n : 0n)) throw refuse('invalid duration');
    rest = rest.slice(whole.length);
  }
  return negative ? -total : total;
}

/** In floating point and with as many digits as an int64 holds, as Go does it: `0.3333333333333333333h` is `20m0s`. */
function fractionOf(digits: string, unit: bigint): bigint {
  let value = 0n;
  let scale = 1;
  for (const digit of digits) {
    const next = value * 10n + BigInt(digit);
    if (next > MAX_INT64) break;
    value = next;
    scale *= 10;
  }
  return BigInt(Math.trunc(Number(value) * (Number(unit) / scale)));
}

/** Writes nanoseconds as Go's `Duration.String` does: `720h0m0s`, `1.5s`, `300ms`, `0s`. */
export function formatDuration(nanos: bigint): string {
  if (nanos === 0n) return '0s';
  const sign = nanos < 0n ? '-' : '';
  const size = nanos < 0n ? -nanos : nanos;
  if (size < 1_000n) return `${sign}${size}ns`;
  if (size < 1_000_000n) return `${sign}${decimal(size, 1_000n)}µs`;
  if (size < NANOS_PER_SECOND) return `${sign}${decimal(size, NANOS_PER_MILLISECOND)}ms`;
  const seconds = size / NANOS_PER_SECOND;
  const minutes = seconds / 60n;
  const hours = minutes / 60n;
  const tail = `${decimal(size - minutes * 60n * NANOS_PER_SECOND, NANOS_PER_SECOND)}s`;
  if (hours > 0n) return `${sign}${hours}h${minutes % 60n}m${tail}`;
  return minutes > 0n ? `${sign}${minutes}m${tail}` : `${sign}${tail}`;
}

function decimal(value: bigint, unit: bigint): string {
  const fraction = (value % unit)
    .toString()
    .padStart(unit.toString().length - 1, '0')
    .replace(/0+$/, '');
  return fraction === '' ? `${value / unit}` : `${value / unit}.${fraction}`;
}
