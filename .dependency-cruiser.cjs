// Imports point down only:
//   core <- resources <- auth, protobuf <- kds, api-server, dp-server <- apps <- testkit <- scenario <- kogumactl <- test, bench
const PACKAGE = '^(libs|apps)/([^/]+)/';
const TESTS = '\\.(spec|contract)\\.ts$|^(libs|apps)/[^/]+/test/';

/** `name` imports none of our packages but itself and those named. */
const onlyDown = (name, folder, allowed) => ({
  name: `${name}-imports-down`,
  comment: `${folder} imports, of our packages, only ${['itself', ...allowed].join(', ')}.`,
  severity: 'error',
  from: { path: `^${folder}/` },
  to: { path: '^(libs|apps)/', pathNot: [folder, ...allowed].map((dir) => `^${dir}/`) },
});

const auth = ['libs/core', 'libs/resources', 'libs/auth'];
const libs = [...auth, 'libs/protobuf', 'libs/kds', 'libs/api-server', 'libs/dp-server'];
const programs = ['apps/global-cp', 'apps/zone-cp', 'apps/koguma-dp'];

module.exports = {
  forbidden: [
    onlyDown('core', 'libs/core', []),
    onlyDown('resources', 'libs/resources', ['libs/core']),
    onlyDown('auth', 'libs/auth', ['libs/core', 'libs/resources']),
    onlyDown('protobuf', 'libs/protobuf', []),
    onlyDown('kds', 'libs/kds', [...auth, 'libs/protobuf']),
    onlyDown('api-server', 'libs/api-server', auth),
    onlyDown('dp-server', 'libs/dp-server', [...auth, 'libs/protobuf']),
    onlyDown('global-cp', 'apps/global-cp', libs),
    onlyDown('zone-cp', 'apps/zone-cp', libs),
    onlyDown('koguma-dp', 'apps/koguma-dp', libs),
    onlyDown('testkit', 'libs/testkit', [...libs, ...programs]),
    onlyDown('scenario', 'libs/scenario', [...libs, ...programs, 'libs/testkit']),
    onlyDown('kogumactl', 'apps/kogumactl', [...libs, ...programs, 'libs/testkit', 'libs/scenario']),
    {
      name: 'no-import-of-tests',
      comment: 'Packages do not import test/, bench/ or scripts/; their tests may use test/support.',
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: TESTS },
      to: { path: '^(test|bench|scripts)/' },
    },
    {
      name: 'no-import-of-tests-but-support',
      comment: 'What tests of packages and of the whole have in common is in test/support.',
      severity: 'error',
      from: { path: TESTS, pathNot: '^(test|bench)/' },
      to: { path: '^(test/(?!support/)|bench/|scripts/)' },
    },
    {
      name: 'no-source-imports-a-test',
      severity: 'error',
      from: { pathNot: [TESTS, '^(test|bench)/'] },
      to: { path: TESTS },
    },
    {
      name: 'only-through-the-index',
      comment: "Another package is imported by its name, '@koguma/x', never past its index.",
      severity: 'error',
      from: { path: PACKAGE },
      to: { path: PACKAGE, pathNot: ['^$1/$2/', '^(libs|apps)/[^/]+/dist/index\\.(js|d\\.ts)$'] },
    },
    {
      name: 'only-through-the-index-in-tests',
      severity: 'error',
      from: { path: '^(test|bench|scripts)/' },
      to: { path: PACKAGE, pathNot: '^(libs|apps)/[^/]+/dist/index\\.(js|d\\.ts)$' },
    },
    {
      name: 'no-nest-in-the-heart',
      comment: 'Nest lives in the doors, the gRPC edge and the apps.',
      severity: 'error',
      from: { path: ['^libs/(core|resources|auth)/', '^libs/kds/src/(?!grpc/)'] },
      to: { path: '(^|/)node_modules/@nestjs/' },
    },
    {
      name: 'no-grpc-in-the-heart',
      comment: 'gRPC lives in libs/kds/src/grpc, the proxy door and the apps.',
      severity: 'error',
      from: { path: ['^libs/(core|resources|auth|api-server)/', '^libs/kds/src/(?!grpc/)'] },
      to: { path: '(^|/)node_modules/@grpc/' },
    },
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'declared-dependencies',
      comment: "A package imports what its own package.json lists under dependencies; the root's tools are for tests.",
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: TESTS },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'npm-peer', 'npm-optional'] },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    // Also the imports of which only types are used: they are dependencies too.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    doNotFollow: { path: ['node_modules', '/dist/'] },
    exclude: { path: ['^libs/[^/]+/src/gen/'] },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'node', 'default'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
    },
  },
};
