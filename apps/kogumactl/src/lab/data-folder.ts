import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { homedir, tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { Failure } from '../failure.js';
import { type Environment, isName, type Plan } from './topology.js';

/** What a running lab leaves for other terminals to find it by. */
export interface LabRecord {
  readonly pid: number;
  readonly socket: string;
}

/** A folder, and the name that it goes by. */
type Place = Pick<Plan, 'name' | 'folder'>;

const MARKER = '.koguma-lab';
const RECORD = 'lab.json';
const SOCKET = 'lab.sock';
/** With what else the store keeps beside it. */
const STORE = 'store.db';
const OWNER_ONLY = 0o700;
/** The shortest limit that systems have for a socket's path is 104 bytes, its closing zero included. */
const LONGEST_SOCKET_PATH = 100;
const ABOUT = 'A Koguma lab keeps its data in these folders beside this file. "kogumactl up --fresh" removes them.';

/** The folder of a lab, as an absolute path: what `--data` says, or `$KOGUMA_DATA`, or `~/.koguma`. */
export function dataPath(option: string | undefined, env: Environment): string {
  return path.resolve(option || env.KOGUMA_DATA || defaultData());
}

/** Where a lab is kept when nobody says otherwise. */
export function defaultData(): string {
  return path.join(homedir(), '.koguma');
}

/** What the lab that runs in a folder has written down; it may have been killed since. */
export function readRecord(dir: string): LabRecord | undefined {
  const record = readJson(path.join(dir, RECORD)) as Partial<LabRecord> | undefined;
  if (typeof record?.pid !== 'number' || typeof record.socket !== 'string') return undefined;
  return { pid: record.pid, socket: record.socket };
}

/**
 * The folder of one lab. A marker file in it lists the folders that labs have made there, and nothing else in it is
 * ever written or removed: whoever points `--data` at the wrong place loses nothing.
 */
export class DataFolder {
  readonly dir: string;

  private constructor(dir: string) {
    this.dir = dir;
  }

  static open(dir: string): DataFolder {
    try {
      fs.mkdirSync(dir, { recursive: true, mode: OWNER_ONLY });
      fs.accessSync(dir, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const why = code === 'EEXIST' || code === 'ENOTDIR' ? 'it, or what it is in, is a file' : String(code);
      throw new Failure(`${dir} cannot be the lab's data folder: ${why}`, 'Choose another one with --data DIR.');
    }
    return new DataFolder(dir);
  }

  /** Where the lab listens for other terminals: inside the folder, unless its path is too long for a socket. */
  socketPath(temporary = tmpdir()): string {
    const inside = path.join(this.dir, SOCKET);
    if (Buffer.byteLength(inside) <= LONGEST_SOCKET_PATH) return inside;
    const shared = path.join(temporary, `koguma-${userInfo().uid}`);
    fs.mkdirSync(shared, { recursive: true, mode: OWNER_ONLY });
    // Anyone can make a folder of that name in /tmp, and would then be asked instead of the lab.
    const { uid, mode } = fs.lstatSync(shared);
    if (uid !== userInfo().uid || (mode & 0o077) !== 0) {
      const todo = `Choose a data folder with a shorter path, or remove ${shared}.`;
      throw new Failure(`${shared}, which is needed for the lab's socket, is open to other users`, todo);
    }
    const id = createHash('sha256').update(fs.realpathSync(this.dir)).digest('hex').slice(0, 16);
    return path.join(shared, `${id}.sock`);
  }

  /** Refuses folders that no lab has made. Changes nothing. */
  check(plans: readonly Place[]): void {
    const ours = this.#folders();
    for (const { name, folder } of plans) {
      if (ours.includes(name) || isFree(folder)) continue;
      const todo = 'Move it away, or choose another folder with --data DIR.';
      throw new Failure(`${folder} was not made by a lab, so it is left alone`, todo);
    }
  }

  /** Removes what labs have kept here. Answers with the names of the control planes it was of. */
  wipe(): string[] {
    const names = this.#folders();
    for (const name of names) fs.rmSync(path.join(this.dir, name), { recursive: true, force: true });
    return names;
  }

  /** Removes what one control plane has stored, as a lost disk would; its certificates stay. */
  wipeStore({ name, folder }: Plan): void {
    if (!this.#folders().includes(name)) return;
    for (const file of fs.readdirSync(folder))
      if (file.startsWith(STORE)) fs.rmSync(path.join(folder, file), { force: true });
  }

  /** Makes the folder of each control plane. The marker first: a folder of ours is never there without it. */
  prepare(plans: readonly Place[]): void {
    this.check(plans);
    const folders = [...new Set([...this.#folders(), ...plans.map(({ name }) => name)])];
    this.#write(MARKER, { about: ABOUT, folders });
    for (const { folder } of plans) fs.mkdirSync(folder, { recursive: true, mode: OWNER_ONLY });
  }

  record(record: LabRecord): void {
    this.#write(RECORD, record);
  }

  forget(): void {
    fs.rmSync(path.join(this.dir, RECORD), { force: true });
  }

  #folders(): string[] {
    const marker = readJson(path.join(this.dir, MARKER)) as { folders?: unknown } | undefined;
    const folders = Array.isArray(marker?.folders) ? marker.folders : [];
    return folders.filter((name): name is string => typeof name === 'string' && isName(name));
  }

  /** Whole or not at all: whoever reads meanwhile sees the old file. */
  #write(name: string, content: object): void {
    const file = path.join(this.dir, name);
    fs.writeFileSync(`${file}.new`, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600 });
    fs.renameSync(`${file}.new`, file);
  }
}

function isFree(folder: string): boolean {
  try {
    return fs.lstatSync(folder).isDirectory() && fs.readdirSync(folder).length === 0;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

function readJson(file: string): unknown {
  try {
    const read: unknown = JSON.parse(fs.readFileSync(file, 'utf8'));
    return typeof read === 'object' && read !== null ? read : undefined;
  } catch {
    return undefined;
  }
}
