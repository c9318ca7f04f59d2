import { z } from 'zod';
import { parseDuration } from '../duration.js';
import { CIPHER_SUITES } from '../tls/cipher-suites.js';

// Each schema reads text and says in one message what is allowed, whatever is wrong with the value.

function wholeNumber(from: number, to: number) {
  const error = `allowed: a whole number from ${from} to ${to}`;
  const number = z.number().min(from, { error }).max(to, { error });
  return z
    .string({ error })
    .regex(/^\d{1,15}$/, { error })
    .transform(Number)
    .pipe(number);
}

/** A port to listen on; 0 takes any free one. */
export const port = wholeNumber(0, 65_535);

/** A port that others are told of, and that is not listened on here; 0 stands for none. */
export const portToTell = wholeNumber(0, 65_535);

/** A port of another machine. */
export const remotePort = wholeNumber(1, 65_535);

/** A size in bytes. Kuma keeps these in 32 bits. */
export const bytes = wholeNumber(1, 2 ** 32 - 1);

/** How many of something there may be at once. */
export const count = wholeNumber(1, 1_000);

/** How many may be connected at once. */
export const connections = wholeNumber(1, 65_535);

/** A time that Kuma writes as a plain number of seconds. */
export const seconds = wholeNumber(1, 3_600);

/** What Go's `strconv.ParseBool` reads. */
export const bool = z.stringbool({
  truthy: ['1', 't', 'T', 'true', 'TRUE', 'True'],
  falsy: ['0', 'f', 'F', 'false', 'FALSE', 'False'],
  case: 'sensitive',
  error: 'allowed: true or false',
});

/** Any text, none included. */
export const text = z.string({ error: 'allowed: text' });

/** A name of something elsewhere, which must have one. */
export const name = z.string({ error: 'allowed: a name' }).min(1, { error: 'allowed: a name' });

const HOST = { error: 'allowed: a host name, an IP address, or the folder of a Unix socket' };

/** Where another program listens. */
export const host = z.string(HOST).regex(/^(\/.*|[\w.:-]+)$/, HOST);

/** A path of a file or directory. */
export const filePath = z.string({ error: 'allowed: a path' }).min(1, { error: 'allowed: a path' });

/**
 * One of some words. Words that Kuma knows and that are not offered here are refused with a reason of their own, so
 * that nobody takes them for a typing mistake.
 */
export function oneOf<const Word extends string>(
  words: readonly Word[],
  refused: Readonly<Record<string, string>> = {},
) {
  const allowed = `allowed: ${words.filter((word) => word !== '').join(', ')}`;
  return z.enum(words as readonly [Word, ...Word[]], {
    error: ({ input }) => {
      const known = typeof input === 'string' && Object.hasOwn(refused, input) ? refused[input] : undefined;
      return known === undefined ? allowed : `${known}; ${allowed}`;
    },
  });
}

const DP_PROXY = oneOf(['dpToken', 'serviceAccountToken', 'none', '']);
const ZONE_PROXY = oneOf(['zoneToken', 'dpToken', 'serviceAccountToken', 'none', '']);

/** How dataplanes prove who they are. Empty text is Kuma's way to leave it to the environment. */
export const dpProxyAuth = DP_PROXY.transform((type) => (type === '' ? 'dpToken' : type));

/** How zone proxies do; what Kuma's older setting calls `dpToken` is the token of each kind of proxy. */
export const zoneProxyAuth = ZONE_PROXY.transform((type) => (type === '' || type === 'dpToken' ? 'zoneToken' : type));

const HTTPS_URL = { error: 'allowed: a URL that begins with https://, or nothing' };

/** Where something is asked that must come from who it says; empty for nowhere. */
export const httpsUrl = z
  .string(HTTPS_URL)
  .refine((url) => url === '' || (url.startsWith('https://') && URL.canParse(url)), HTTPS_URL);

const DURATION = 'allowed: a duration above zero, such as 500ms, 10s or 1m30s';
const DURATION_OR_NONE = 'allowed: a duration such as 500ms, 10s or 1m30s, or 0 for none';

/** A positive Go duration, in milliseconds. */
export const duration = durationFrom(1n, DURATION);

/** A Go duration, in milliseconds; zero switches something off. */
export const durationOrNone = durationFrom(0n, DURATION_OR_NONE);

function durationFrom(leastNanos: bigint, error: string) {
  return z.string({ error }).transform((written, context) => {
    const nanos = nanosOf(written);
    if (nanos >= leastNanos) return Number(nanos) / 1e6;
    context.addIssue({ code: 'custom', message: error });
    return z.NEVER;
  });
}

function nanosOf(written: string): bigint {
  try {
    return parseDuration(written);
  } catch {
    return -1n;
  }
}

const LIST = 'allowed: a list of names, separated by commas in the environment';

/** Names: a YAML list, or text with commas. Empty text is an empty list. */
export const list = z
  .union([z.array(z.string()), z.string().transform((written) => written.split(','))], {
    error: LIST,
  })
  .transform((names): readonly string[] => names.map((name) => name.trim()).filter((name) => name !== ''));

const TOO_OLD = 'it is too old to be safe';
const OLD_TLS = { TLSv1_0: TOO_OLD, TLSv1_1: TOO_OLD };
/** A version of TLS, in Kuma's spelling. */
export const tlsVersion = oneOf(['TLSv1_2', 'TLSv1_3'], OLD_TLS);
/** The same, or nothing: no limit, or that of the settings for all servers. */
export const tlsVersionOrNone = oneOf(['', 'TLSv1_2', 'TLSv1_3'], OLD_TLS);

const SUITES = { error: `allowed: a list of ${CIPHER_SUITES.join(', ')}` };
/** Cipher suites by IANA's names. Empty: every one that is allowed. */
export const cipherSuites = list.refine((names) => names.every((name) => CIPHER_SUITES.includes(name)), SUITES);

const INTERFACE = { error: 'allowed: an IP address of this machine, or localhost' };

/** An address to listen on. */
export const listenAddress = z.union([z.ipv4(), z.ipv6(), z.literal('localhost')], INTERFACE);

/**
 * Whether an address ({@link listenAddress}, {@link host}) is of this machine only. Unusual spellings are taken for
 * the network's: the safe guess.
 */
export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || address.startsWith('127.');
}

const ZONE_NAME = { error: 'allowed: lower-case letters, digits and inner hyphens, at most 63 (RFC 1123)' };

/** A zone's name ends up in host names, so it is one DNS label. */
export const zoneName = z.string(ZONE_NAME).regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, ZONE_NAME);

const GLOBAL_ADDRESS = { error: 'allowed: grpcs://HOST:PORT, grpc://HOST:PORT, or nothing for a stand-alone zone' };
const GRPC_ADDRESS = /^grpcs?:\/\/(?:[\w.-]+|\[[\da-fA-F:.]+\]):(\d{1,5})$/;

/** Where a zone finds global; empty for a zone without one. */
export const globalAddress = z
  .string(GLOBAL_ADDRESS)
  .refine((address) => address === '' || isPort(GRPC_ADDRESS.exec(address)?.[1]), GLOBAL_ADDRESS);

function isPort(digits: string | undefined): boolean {
  return digits !== undefined && Number(digits) >= 1 && Number(digits) <= 65_535;
}
