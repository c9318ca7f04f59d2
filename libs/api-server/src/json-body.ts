import type { IncomingMessage } from 'node:http';
import { oddMember } from '@koguma/core';
import { UnsupportedMediaTypeException } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { RestError } from './errors.js';

/** Far beyond any resource, and far below what makes writers of JSON run out of stack. */
const DEEPEST = 100;

/**
 * Reads the body of a request as a JSON object. Routes call it themselves, after everything that a caller may be
 * refused for without it: nobody gets an opinion on their body, or makes us hold it, before they may write.
 * @throws RestError `malformed`, `too_large`; UnsupportedMediaTypeException
 */
export async function readJson(request: FastifyRequest): Promise<Readonly<Record<string, unknown>>> {
  const type = request.headers['content-type'];
  if (type !== undefined && !/^\s*application\/json\s*(;|$)/i.test(type)) {
    throw new UnsupportedMediaTypeException('the content type must be application/json');
  }
  const text = await readText(request.raw, request.routeOptions.bodyLimit);
  const value = parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('must be a JSON object');
  if (isTooDeep(value)) throw malformed(`must not be nested deeper than ${DEEPEST} levels`);
  // What it asked for twice, or under a name that is lost on the way, would be dropped in silence.
  const odd = oddMember(text);
  if (odd !== undefined) throw malformed(`must not have a member ${odd}`);
  return value as Record<string, unknown>;
}

async function readText(message: IncomingMessage, limit: number): Promise<string> {
  if (Number(message.headers['content-length']) > limit) throw tooLarge(limit);
  const body = await arrived(message, limit);
  if (body === undefined) {
    message.resume(); // the rest is thrown away, so that the caller gets to read why
    throw tooLarge(limit);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch (cause) {
    throw malformed('is not UTF-8', cause);
  }
}

/** All bytes of a message; undefined as soon as they are more than allowed. (Node's iterator costs three times as much.) */
function arrived(message: IncomingMessage, limit: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const lost = (cause?: unknown) => reject(malformed('did not arrive whole', cause));
    const closed = () => message.complete || lost(); // every message is closed at last
    message.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
      else resolve(undefined);
    });
    message.once('end', () => resolve(Buffer.concat(chunks)));
    message.once('error', lost);
    message.once('close', closed);
    if (message.destroyed) lost();
  });
}

function parse(text: string): unknown {
  if (text.trim() === '') throw malformed('is empty: a JSON object is needed');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw malformed(`is not JSON: ${complaint((error as SyntaxError).message, text)}`);
  }
}

/** V8's words without its excerpts, since a body can hold a key, and with the place in lines where it is told. */
function complaint(message: string, text: string): string {
  const what = message.replace(/, (\.\.\.)?".*$/s, '').replace(/ in JSON at position \d+.*$/s, '');
  const position = /at position (\d+)/.exec(message)?.[1];
  if (position === undefined) return what;
  const before = text.slice(0, Number(position)).split('\n');
  return `${what} at line ${before.length} column ${(before.at(-1) ?? '').length + 1}`;
}

function isTooDeep(value: unknown): boolean {
  let level = [value];
  for (let depth = 0; depth <= DEEPEST && level.length > 0; depth++)
    level = level.flatMap((inner) => (typeof inner === 'object' && inner !== null ? Object.values(inner) : []));
  return level.length > 0;
}

function malformed(reason: string, cause?: unknown): RestError {
  return new RestError('malformed', `the body ${reason}`, { violations: [{ field: 'body', reason }], cause });
}

function tooLarge(limit: number): RestError {
  return new RestError('too_large', `the body is larger than ${limit} bytes`, {
    violations: [{ field: 'body', reason: `must be at most ${limit} bytes` }],
  });
}
