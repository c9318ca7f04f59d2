import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Listener } from '@koguma/core';
import { Failure } from '../failure.js';
import { BadOrder, readClockOrder, readControlPlaneOrder, readLinkOrder } from './fault-spec.js';
import type { Faults } from './faults.js';

const LOOPBACK = '127.0.0.1';
const LONGEST_BODY = 16 * 1024;

/** An answer that is no success: what, and by field. */
class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    detail: string,
    readonly invalidParameters: readonly { field: string; reason: string }[] = [],
  ) {
    super(detail);
  }
}

/** One kind of fault: how it is set and reset for who is named, or `*`. */
interface Route {
  readonly put: (who: string, body: unknown) => void | Promise<void>;
  readonly delete: (who: string) => void | Promise<void>;
}

/**
 * The lab's door for faults and clocks, on the loopback address alone: `GET` and `DELETE /faults`, and `PUT` and `DELETE
 * /faults/{links,control-planes,clocks}/{name}`. Whoever may run programs on this machine may use it; a page of a browser may not.
 */
export async function openFaultDoor(faults: Faults, port: number): Promise<Listener> {
  const routes: Readonly<Record<string, Route>> = {
    links: {
      put: (who, body) => faults.setLink(who, readLinkOrder(body)),
      delete: (who) => faults.resetLink(who),
    },
    'control-planes': {
      put: (who, body) => faults.setControlPlane(who, readControlPlaneOrder(body)),
      delete: (who) => faults.resetControlPlane(who),
    },
    clocks: {
      put: (who, body) => faults.setClock(who, readClockOrder(body)),
      delete: (who) => faults.resetClock(who),
    },
  };
  const server = createServer((request, response) => {
    handle(request, faults, routes)
      .then((answer) => send(response, 200, answer))
      .catch((error: unknown) => sendRefusal(response, error));
  });
  return Listener.open(server, { host: LOOPBACK, port, name: 'faults and clocks of the lab' });
}

async function handle(
  request: IncomingMessage,
  faults: Faults,
  routes: Readonly<Record<string, Route>>,
): Promise<object> {
  refuseStrangers(request);
  const [path = ''] = (request.url ?? '').split('?', 1);
  const [, top, kind, who, ...more] = path.split('/').map((part) => decodeURIComponent(part));
  const { method = '' } = request;
  if (top === 'faults' && kind === undefined) {
    if (method === 'DELETE') await faults.reset();
    else if (method !== 'GET') throw notAllowed(method, 'GET, DELETE');
    return faults.list();
  }
  const route = top === 'faults' && more.length === 0 ? routes[kind ?? ''] : undefined;
  if (!route || !who) {
    const there = Object.keys(routes).map((one) => `/faults/${one}/{name}`);
    throw new Refusal(404, 'Not found', `there is nothing at ${path}: there are /faults, ${there.join(', ')}`);
  }
  if (method === 'PUT') await route.put(who, await readJson(request));
  else if (method === 'DELETE') await route.delete(who);
  else throw notAllowed(method, 'PUT, DELETE');
  return faults.list();
}

function notAllowed(method: string, allowed: string): Refusal {
  return new Refusal(405, 'Method not allowed', `${method} is not allowed here: use ${allowed}`);
}

/** A browser sends these for pages of others, also for those whose name was made to lead here. */
function refuseStrangers({ headers }: IncomingMessage): void {
  const host = (headers.host ?? '').replace(/:\d+$/, '');
  const isLocal = ['localhost', LOOPBACK, '[::1]'].includes(host);
  if (isLocal && headers.origin === undefined && headers['sec-fetch-site'] === undefined) return;
  throw new Refusal(403, 'Access denied', 'faults are set from programs on this machine, not from pages of a browser');
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LONGEST_BODY) throw new Refusal(413, 'Too large', `a fault is written in at most ${LONGEST_BODY} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString()) as unknown;
  } catch {
    throw new Refusal(400, 'Invalid request', 'the body is not JSON');
  }
}

function sendRefusal(response: ServerResponse, error: unknown): void {
  const refusal = refusalOf(error);
  const { status, title, message, invalidParameters } = refusal;
  send(response, status, { status, title, detail: message, invalid_parameters: invalidParameters });
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof BadOrder) {
    const fields = error.violations.filter(({ field }) => field !== '');
    const detail = fields.length === 0 ? error.message : 'what is asked for is not valid';
    return new Refusal(400, 'Invalid request', detail, fields);
  }
  if (error instanceof URIError) return new Refusal(400, 'Invalid request', 'the path cannot be read');
  if (error instanceof Failure) return new Refusal(409, 'Not possible now', `${error.message}. ${error.todo}`);
  return new Refusal(500, 'Internal error', error instanceof Error ? error.message : String(error));
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(body)}\n`);
}
