import * as fs from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Failure } from '../failure.js';
import { readRecord } from './data-folder.js';
import type { ChildStatus } from './supervisor.js';

const COMMANDS = ['status', 'start', 'stop', 'kill'] as const;

/** What can be asked of a running lab. */
export type Command = (typeof COMMANDS)[number];

/** One line of JSON to the lab; one line comes back. */
export interface Request {
  readonly command: Command;
  /** The control plane that it is about; without meaning for `status`. */
  readonly name: string;
}

/** The lab as it is after the request. */
export interface LabStatus {
  /** Of the supervisor. */
  readonly pid: number;
  readonly data: string;
  /** Where faults and clocks are set; null in a lab that was told to be none. */
  readonly faults: string | null;
  readonly controlPlanes: readonly ChildStatus[];
}

type Reply = { readonly ok: LabStatus } | { readonly failed: { readonly what: string; readonly todo: string } };

const LONGEST_REQUEST = 4 * 1024;
const LONGEST_REPLY = 4 * 1024 * 1024;
const SILENT_MS = 5_000;
/** A control plane that is started has a minute to serve. */
const SLOW_MS = 70_000;

/** The side of the supervisor: a socket in the file system, which also says that a lab runs in this data folder. */
export class Control {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /**
   * Takes the socket. One that a killed lab left behind is taken over: what counts is whether somebody answers, since
   * a process id in a file may belong to anybody by now.
   * @throws Failure when another lab answers there
   */
  static async open(file: string, answer: (request: Request) => Promise<LabStatus>): Promise<Control> {
    const server = createServer();
    const control = new Control(server);
    server.on('connection', (socket) => control.#serve(socket, answer));
    while (!(await listens(server, file))) {
      const seen = identityOf(file);
      if (seen === undefined) continue;
      const { pid, data } = await ask(file, { command: 'status', name: '' }).catch(onlyIfSilent);
      if (data) {
        const todo = `Stop it with Ctrl-C in its terminal or kill ${pid}, or choose another folder with --data DIR.`;
        throw new Failure(`a lab is running in ${data} (pid ${pid})`, todo);
      }
      remove(file, seen);
    }
    fs.chmodSync(file, 0o600);
    return control;
  }

  /** Ends the connections too; the socket's file goes with it. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #serve(socket: Socket, answer: (request: Request) => Promise<LabStatus>): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    readLine(socket, LONGEST_REQUEST, SILENT_MS)
      .then((line) => answer(readRequest(line)))
      .then((ok): Reply => ({ ok }))
      .catch((error: unknown): Reply => {
        const { message, todo } = Failure.from(error);
        return { failed: { what: message, todo } };
      })
      .then((reply) => socket.end(`${JSON.stringify(reply)}\n`))
      // Only a socket that is gone already; there is nobody left to tell.
      .catch(() => socket.destroy());
  }
}

/**
 * Asks the lab that runs in a data folder.
 * @throws Failure when none runs there, or when it refuses
 */
export async function askLab(data: string, request: Request): Promise<LabStatus> {
  const record = readRecord(data);
  const none = new Failure(`no lab is running in ${data}`, 'Start one with: npx kogumactl up');
  if (!record) throw none;
  return ask(record.socket, request).catch((error: unknown) => {
    throw isSilence(error) ? none : error;
  });
}

async function ask(file: string, request: Request): Promise<LabStatus> {
  const socket = connect(file);
  try {
    socket.write(`${JSON.stringify(request)}\n`);
    const patience = request.command === 'status' ? SILENT_MS : SLOW_MS;
    const reply = JSON.parse(await readLine(socket, LONGEST_REPLY, patience)) as Reply;
    if ('failed' in reply) throw new Failure(reply.failed.what, reply.failed.todo);
    return reply.ok;
  } finally {
    socket.destroy();
  }
}

/** The first line of what a peer sends; what comes after it is dropped. */
function readLine(socket: Socket, limit: number, silentMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const refuse = (what: string) =>
      reject(new Failure(what, 'Try again, with the same version of kogumactl as the lab.'));
    let text = '';
    const read = (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end === -1 && text.length <= limit) return;
      socket.off('data', read).setTimeout(0).resume();
      if (end === -1) refuse('the line is too long');
      else resolve(text.slice(0, end));
    };
    socket.setEncoding('utf8');
    socket.setTimeout(silentMs, () => refuse(`there was no answer for ${silentMs / 1000} s`));
    socket.on('data', read);
    socket.on('error', reject);
    socket.on('close', () => refuse('the other side ended before it answered'));
  });
}

function readRequest(line: string): Request {
  const { command, name } = readObject(line);
  const known = COMMANDS.find((word) => word === command);
  if (known !== undefined && typeof name === 'string') return { command: known, name };
  throw new Failure('the lab does not know this request', 'Use the same version of kogumactl as the lab.');
}

function readObject(line: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(line)) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** False when something of that name exists already. */
function listens(server: Server, file: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') return resolve(false);
      const why = `the lab's socket ${file} cannot be made: ${error.code ?? error.message}`;
      return reject(new Failure(why, 'Choose a folder on a local disk with --data DIR.'));
    };
    server.once('error', failed);
    server.listen(file, () => {
      server.off('error', failed);
      resolve(true);
    });
  });
}

const SILENCE = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTSOCK']);

function isSilence(error: unknown): boolean {
  return SILENCE.has((error as NodeJS.ErrnoException).code ?? '');
}

function onlyIfSilent(error: unknown): Partial<LabStatus> {
  if (isSilence(error)) return {};
  throw error;
}

/** What tells a socket from a later one of the same name: inode numbers alone are used again at once. */
function identityOf(file: string): string | undefined {
  const stat = fs.lstatSync(file, { bigint: true, throwIfNoEntry: false });
  if (stat?.isSocket() === false)
    throw new Failure(`${file} is not a socket`, 'Move it away: the lab needs that name.');
  return stat && `${stat.ino} ${stat.mtimeNs}`;
}

/**
 * Removes a dead socket, and only that one: of two labs that find it at the same time, the slower one could otherwise
 * remove the new socket of the faster.
 */
function remove(file: string, identity: string): void {
  const aside = `${file}.${process.pid}`;
  try {
    fs.renameSync(file, aside);
    if (identityOf(aside) !== identity) fs.linkSync(aside, file);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  fs.rmSync(aside, { force: true });
}
