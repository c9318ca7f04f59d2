import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** A tree of files in a temporary folder, to run a tool of ours on. */
export class Scratch {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), 'koguma-guard-')));

  write(file: string, text: string): void {
    mkdirSync(dirname(join(this.path, file)), { recursive: true });
    writeFileSync(join(this.path, file), text);
  }

  link(from: string, to: string): void {
    mkdirSync(dirname(join(this.path, from)), { recursive: true });
    symlinkSync(join(this.path, to), join(this.path, from), 'junction');
  }

  /** Runs a script of an installed package here, and reads the JSON that it prints. */
  run(script: string, args: string[]): unknown {
    const { stdout, stderr } = spawnSync(process.execPath, [join(root, 'node_modules', script), ...args], {
      cwd: this.path,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    });
    try {
      return JSON.parse(stdout);
    } catch {
      throw new Error(`${script} printed no JSON:\n${stdout}\n${stderr}`);
    }
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
