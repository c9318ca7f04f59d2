#!/usr/bin/env node
// Runs the story of docker-compose.yml with real containers, under a project name of its own, and leaves none of them
// behind, however it ends.
import { spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = path.resolve(fileURLToPath(new URL('..', import.meta.url)));
const project = `koguma-test-${process.pid}`;

const docker = (...args) => spawnSync('docker', args, { encoding: 'utf8' });
const ids = (...args) =>
  docker(...args)
    .stdout.split('\n')
    .filter(Boolean);

if (docker('info').status !== 0) {
  console.error('There is no Docker engine here.\nStart one, and see that `docker info` answers.');
  process.exit(1);
}

// Where this machine has its packages from, the build has them from, too, unless it is told otherwise.
const env = { ...process.env, KOGUMA_TEST_COMPOSE: project };
const registry = spawnSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).stdout?.trim();
if (registry && registry !== 'https://registry.npmjs.org/') env.NPMRC ??= `registry=${registry}`;

const vitest = spawn(
  process.execPath,
  [
    path.join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    '--project=compose',
    '--reporter=verbose',
    '--bail=1',
    '--disable-console-intercept',
    ...process.argv.slice(2),
  ],
  { cwd: ROOT, stdio: 'inherit', env },
);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => signal !== 'SIGINT' && vitest.kill(signal));
}
vitest.on('error', (error) => {
  console.error(error.message);
  process.exitCode = 1;
});
vitest.on('close', (code) => {
  for (const name of [project, `${project}-smallest`]) {
    const label = ['--filter', `label=com.docker.compose.project=${name}`];
    const left = ids('ps', '-aq', ...label);
    if (left.length > 0) docker('rm', '-f', ...left);
    const volumes = ids('volume', 'ls', '-q', ...label);
    if (volumes.length > 0) docker('volume', 'rm', '-f', ...volumes);
    const networks = ids('network', 'ls', '-q', ...label);
    if (networks.length > 0) docker('network', 'rm', ...networks);
  }
  process.exitCode = code === 0 ? 0 : 1;
});
