#!/usr/bin/env node
// Brings a clone to the state that the other scripts need: dependencies installed, packages built.
// Says nothing when there is nothing to do. Uses nothing but Node, so it runs before any install.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = path.resolve(fileURLToPath(new URL('..', import.meta.url)));
const MODULES = path.join(ROOT, 'node_modules');
const INSTALLED = path.join(MODULES, '.package-lock.json');
const LOCKFILE = path.join(ROOT, 'package-lock.json');
const BUILT = path.join(MODULES, '.cache', 'koguma', 'built');
const MUTEX = path.join(ROOT, '.koguma', 'setup.lock');
const MUTEX_IS_DEAD_AFTER_MS = 30_000;
const DEPENDENCY_FIELDS = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'];

class SetupError extends Error {
  constructor(what, todo) {
    super(what);
    this.todo = todo;
  }
}

const byName = (a, b) => (a < b ? -1 : 1);
const read = (file) => {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
};
const mtime = (file) => fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs;
const parse = (file) => {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    throw new SetupError(`${path.relative(ROOT, file)} cannot be read: ${error.message}`, 'Repair the file.');
  }
};

function checkNode() {
  const wanted = /(\d+)\.(\d+)/.exec(parse(path.join(ROOT, 'package.json')).engines.node);
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < Number(wanted[1]) || (major === Number(wanted[1]) && minor < Number(wanted[2]))) {
    throw new SetupError(
      `Node.js ${process.versions.node} is too old.`,
      `Install Node.js ${wanted[1]}.${wanted[2]} or newer.`,
    );
  }
}

/** Folders of the workspace packages, relative to the root, with forward slashes. */
function workspaces() {
  const found = [];
  for (const parent of ['libs', 'apps']) {
    const entries = fs.existsSync(path.join(ROOT, parent)) ? fs.readdirSync(path.join(ROOT, parent)) : [];
    for (const name of entries.sort(byName)) {
      if (fs.existsSync(path.join(ROOT, parent, name, 'package.json'))) found.push(`${parent}/${name}`);
    }
  }
  return found;
}

function needsInstall() {
  const installed = mtime(INSTALLED);
  if (installed === undefined) return true;
  const inputs = [LOCKFILE, ...['', ...workspaces()].map((dir) => path.join(ROOT, dir, 'package.json'))];
  return inputs.some((file) => (mtime(file) ?? 0) > installed);
}

/** Whether package-lock.json says the same about our own packages as their package.json do. */
function lockfileMatchesManifests() {
  const text = read(LOCKFILE);
  if (text === undefined) return false;
  let locked;
  try {
    locked = JSON.parse(text).packages ?? {};
  } catch {
    return false;
  }
  const wanted = ['', ...workspaces()];
  const known = Object.keys(locked).filter((key) => key === '' || /^(libs|apps)\/[^/]+$/.test(key));
  if (known.length !== wanted.length) return false;
  const pick = (manifest) =>
    JSON.stringify(
      DEPENDENCY_FIELDS.map((field) =>
        Object.keys(manifest[field] ?? {})
          .sort(byName)
          .map((name) => [name, manifest[field][name]]),
      ),
    );
  return wanted.every((dir) => {
    const manifest = parse(path.join(ROOT, dir, 'package.json'));
    return locked[dir] !== undefined && pick(locked[dir]) === pick(manifest);
  });
}

/** The files that decide what the build makes, by name, size and time. */
function buildFingerprint() {
  const hash = createHash('sha256').update(process.version);
  const add = (file) => {
    const stat = fs.statSync(path.join(ROOT, file), { throwIfNoEntry: false });
    if (stat) hash.update(`${file}\0${stat.size}\0${stat.mtimeMs}\n`);
  };
  const walk = (dir) => {
    const entries = fs.readdirSync(path.join(ROOT, dir), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => byName(a.name, b.name))) {
      const file = `${dir}/${entry.name}`;
      if (entry.isDirectory()) walk(file);
      else if (!/\.(spec|contract)\.ts$/.test(entry.name)) add(file);
    }
  };
  for (const file of ['package-lock.json', 'tsconfig.json', 'tsconfig.base.json', 'scripts/bundle.mjs']) add(file);
  for (const dir of workspaces()) {
    add(`${dir}/package.json`);
    add(`${dir}/tsconfig.json`);
    if (fs.existsSync(path.join(ROOT, dir, 'src'))) walk(`${dir}/src`);
  }
  return hash.digest('hex');
}

const needsBuild = () =>
  workspaces().some((dir) => !fs.existsSync(path.join(ROOT, dir, 'dist', '.tsbuildinfo'))) ||
  read(BUILT) !== buildFingerprint();

/**
 * Our environment without what a parent npm left in it: its workspace, prefix or log level are not ours.
 * Its ways out (proxies, certificates, where packages come from) stay.
 */
function cleanEnv() {
  const keep =
    /^npm_config_(registry|cache|userconfig|globalconfig|proxy|https?_proxy|noproxy|cafile|ca|strict_ssl|offline|.*:.*)$/i;
  const env = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (/^(npm_|INIT_CWD$|NODE_ENV$)/i.test(name) && !keep.test(name)) continue;
    env[name] = value;
  }
  return env;
}

function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      env: cleanEnv(),
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
      ...options,
    });
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (error) => resolve({ ok: false, output: error.message }));
    child.on('close', (code) => resolve({ ok: code === 0, output: Buffer.concat(chunks).toString().trimEnd() }));
  });
}

async function step(title, work) {
  const started = performance.now();
  process.stderr.write(`${title}…`);
  try {
    const note = await work();
    process.stderr.write(` ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
    if (note) process.stderr.write(`${note}\n`);
  } catch (error) {
    process.stderr.write('\n');
    throw error;
  }
}

/** Runs the npm that runs us, or else the one on the path. */
function npm(args) {
  const cli = process.env.npm_execpath;
  return cli && path.basename(cli) === 'npm-cli.js' && fs.existsSync(cli)
    ? run(process.execPath, [cli, ...args])
    : run('npm', args, { shell: process.platform === 'win32' });
}

async function networkAnswers() {
  const { ok, output } = await npm(['view', 'picocolors', 'name', '--prefer-online', '--fetch-retries=0']);
  return ok || !/\b(ECONN\w+|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ENOTCACHED)\b/.test(output);
}

async function install() {
  const before = read(LOCKFILE);
  const inStep = lockfileMatchesManifests();
  if (!inStep && process.env.CI) {
    throw new SetupError(
      'package-lock.json does not match the package.json files.',
      'Run npm install and commit package-lock.json.',
    );
  }
  // --include=dev: an inherited "omit" must not leave the compiler out.
  const args = ['install', '--prefer-offline', '--no-audit', '--no-fund', '--include=dev'];
  // Without a network npm asks in vain, for minutes; its cache alone answers at once, with all or with an error.
  if (!(await networkAnswers())) args.push('--offline');
  const result = await npm(args);
  if (!result.ok) {
    const lines = result.output.split('\n');
    const errors = lines.filter((line) => line.startsWith('npm error'));
    process.stderr.write(`\n${(errors.length ? errors : lines).slice(-25).join('\n')}`);
    throw new SetupError(
      'The dependencies could not be installed.',
      'Check the network and the proxy settings of npm, then run: npm install',
    );
  }
  let note;
  if (read(LOCKFILE) !== before) {
    if (inStep) {
      // npm adds or drops the entries of other platforms, depending on where it runs. Not ours to commit.
      fs.writeFileSync(LOCKFILE, before);
    } else {
      note = 'package-lock.json was brought up to date with package.json: commit it.';
    }
  }
  const now = new Date();
  fs.utimesSync(INSTALLED, now, now);
  return note;
}

async function build() {
  // Taken before the compiler runs: what is edited meanwhile counts as not built.
  const fingerprint = buildFingerprint();
  const { ok, output } = await run(process.execPath, [
    path.join(MODULES, 'typescript', 'bin', 'tsc'),
    '-b',
    '--pretty',
    String(Boolean(process.stderr.isTTY)),
  ]);
  if (!ok) {
    process.stderr.write(`\n${output}`);
    throw new SetupError('The build failed.', 'Correct what the compiler says above, then run the command again.');
  }
  const bundled = await run(process.execPath, [path.join(ROOT, 'scripts', 'bundle.mjs')]);
  if (!bundled.ok) {
    process.stderr.write(`\n${bundled.output}`);
    throw new SetupError('The programs could not be bundled.', 'Correct what the bundler says above.');
  }
  fs.mkdirSync(path.dirname(BUILT), { recursive: true });
  fs.writeFileSync(BUILT, fingerprint);
}

/** One set-up at a time in one clone; the others wait, and then find nothing left to do. */
async function underMutex(work) {
  const me = JSON.stringify({ host: os.hostname(), pid: process.pid, at: Date.now() });
  fs.mkdirSync(path.dirname(MUTEX), { recursive: true });
  let waited = 0;
  for (;;) {
    try {
      fs.writeFileSync(MUTEX, me, { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') {
        throw new SetupError(`${MUTEX} cannot be written: ${error.message}`, 'Make the folder writable.');
      }
    }
    breakIfDead();
    if (waited === 1000) process.stderr.write('waiting for another set-up in this folder…\n');
    await sleep(100);
    waited += 100;
  }
  const beat = setInterval(() => {
    const now = new Date();
    try {
      fs.utimesSync(MUTEX, now, now);
    } catch {}
  }, 2000);
  const release = () => {
    clearInterval(beat);
    if (read(MUTEX) === me) fs.rmSync(MUTEX, { force: true });
  };
  process.once('exit', release);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(130));
  try {
    await work();
  } finally {
    release();
  }
}

function breakIfDead() {
  const text = read(MUTEX);
  const touched = mtime(MUTEX);
  if (text === undefined || touched === undefined) return;
  let holder;
  try {
    holder = JSON.parse(text);
  } catch {
    // Just created and not yet written, or damaged: its age decides.
  }
  let dead = Date.now() - touched > MUTEX_IS_DEAD_AFTER_MS;
  if (!dead && holder?.host === os.hostname()) {
    try {
      process.kill(holder.pid, 0);
    } catch (error) {
      dead = error.code === 'ESRCH';
    }
  }
  if (!dead) return;
  // Two may come to this at once: only the one that moves the dead holder's own file away has broken it.
  const aside = `${MUTEX}.${process.pid}`;
  try {
    fs.renameSync(MUTEX, aside);
    if (read(aside) !== text) fs.linkSync(aside, MUTEX);
  } catch {}
  fs.rmSync(aside, { force: true });
}

const withBuild = !process.argv.includes('--no-build');
const ready = () => !needsInstall() && !(withBuild && needsBuild());

try {
  checkNode();
  if (!ready()) {
    await underMutex(async () => {
      if (needsInstall()) await step('installing dependencies', install);
      if (withBuild && needsBuild()) await step('building', build);
    });
  }
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`${error.message}\n${error.todo}\n`);
  process.exitCode = 1;
}
