import { describe, expect, it } from 'vitest';
import {
  environmentFor,
  faultPortOf,
  type LabSettings,
  MAX_ZONES_IN_PROCESS,
  parseConfigs,
  parseEnv,
  parsePortOffset,
  parseZones,
  planLab,
} from './topology.js';

const SETTINGS: LabSettings = {
  data: '/data',
  zones: ['east', 'west'],
  memory: false,
  portOffset: 0,
  configs: new Map(),
  env: [],
};
const portsOf = (settings: Partial<LabSettings>) =>
  planLab({ ...SETTINGS, ...settings }).map(({ ports }) => ports.map(({ number }) => number));

describe('the plan of a lab', () => {
  it("puts global on Kuma's ports and each zone 1000 further", () => {
    expect(portsOf({})).toEqual([
      [5680, 5681, 5682, 5685, 5690],
      [6680, 6681, 6682, 6678, 6690],
      [7680, 7681, 7682, 7678, 7690],
    ]);
  });

  it('moves every port by the offset, and zones to where their wires then are', () => {
    const [global, east] = planLab({ ...SETTINGS, zones: ['east'], portOffset: 100 });
    expect(portsOf({ zones: ['east'], portOffset: 100 })).toEqual([
      [5780, 5781, 5782, 5785, 5790],
      [6780, 6781, 6782, 6778, 6790],
    ]);
    expect(global?.env.KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT).toBe('5785');
    expect(east?.env.KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS).toBe('grpcs://localhost:6790');
  });

  it('has neither faults nor wires where KOGUMA_LAB says that it is no lab', () => {
    const plans = planLab({ ...SETTINGS, env: [{ name: '*', key: 'KOGUMA_LAB', value: 'false' }] });
    expect(plans.map(({ ports, wirePort }) => [ports.length, wirePort])).toEqual(Array(3).fill([4, undefined]));
    expect(plans[1]?.env.KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS).toBe('grpcs://localhost:5685');
    expect([faultPortOf(plans, 0), faultPortOf(planLab(SETTINGS), 100)]).toEqual([undefined, 5790]);
  });

  it('gives each control plane its settings', () => {
    const [global, east] = planLab(SETTINGS);
    const common = { KUMA_STORE_TYPE: 'sqlite', KOGUMA_LAB: 'true', KOGUMA_TLS_CA_DIR: '/data/global' };
    expect(global?.env).toEqual({
      ...common,
      KUMA_MODE: 'global',
      KUMA_API_SERVER_HTTP_PORT: '5681',
      KUMA_API_SERVER_HTTPS_PORT: '5682',
      KUMA_DIAGNOSTICS_SERVER_PORT: '5680',
      KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT: '5685',
      KOGUMA_STORE_SQLITE_PATH: '/data/global/store.db',
      KUMA_GENERAL_WORK_DIR: '/data/global',
    });
    expect(east?.env).toEqual({
      ...common,
      KUMA_MODE: 'zone',
      KUMA_MULTIZONE_ZONE_NAME: 'east',
      KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: 'grpcs://localhost:6690',
      KUMA_MULTIZONE_ZONE_KDS_ROOT_CA_FILE: '/data/global/ca.crt',
      KUMA_DP_SERVER_PORT: '6678',
      KUMA_API_SERVER_HTTP_PORT: '6681',
      KUMA_API_SERVER_HTTPS_PORT: '6682',
      KUMA_DIAGNOSTICS_SERVER_PORT: '6680',
      KOGUMA_STORE_SQLITE_PATH: '/data/east/store.db',
      KUMA_GENERAL_WORK_DIR: '/data/east',
    });
    expect(global).toMatchObject({ title: 'global', args: ['run'], log: '/data/global/log.jsonl' });
    expect(east).toMatchObject({ title: 'zone east', api: 'http://localhost:6681' });
  });

  it('keeps stores in memory when asked', () => {
    expect(planLab({ ...SETTINGS, memory: true })[1]?.env.KUMA_STORE_TYPE).toBe('memory');
  });

  it('hands configuration files and variables to the control planes that they are for', () => {
    const env = parseEnv(['*:KOGUMA_LOG_LEVEL=info', 'west:KOGUMA_LOG_LEVEL=debug']);
    const [global, east, west] = planLab({ ...SETTINGS, configs: new Map([['east', '/kuma.yaml']]), env });
    expect([global?.args, east?.args]).toEqual([['run'], ['run', '-c', '/kuma.yaml']]);
    expect([global, east, west].map((plan) => plan?.env.KOGUMA_LOG_LEVEL)).toEqual(['info', 'info', 'debug']);
  });

  it.each([
    [{ configs: new Map([['north', 'a']]) }, '--config names "north", which is not in this lab'],
    [{ env: parseEnv(['north:A=b']) }, '--env names "north", which is not in this lab'],
    [{ portOffset: 60_000 }, 'the last zone would need port 67690, and 65535 is the highest there is'],
    [{ portOffset: 310 }, 'the lab would need port 6000, which browsers and fetch refuse to call'],
  ])('refuses %j', (settings, message) => {
    expect(() => planLab({ ...SETTINGS, ...settings })).toThrow(message);
  });

  it('passes on the environment of the caller without the settings of another control plane', () => {
    const [global] = planLab(SETTINGS);
    const caller = { PATH: '/bin', KUMA_MODE: 'zone', KUMA_STORE_POSTGRES_HOST: 'db', KOGUMA_DATA: '/x' };
    expect(global && environmentFor(global, caller, 4)).toEqual({
      PATH: '/bin',
      UV_THREADPOOL_SIZE: '3',
      ...global?.env,
    });
  });

  it.each([
    [{}, 1, '1'],
    [{}, 2, '1'],
    [{}, 16, '15'],
    [{ UV_THREADPOOL_SIZE: '4' }, 2, '4'],
  ])('leaves a core free of signatures, unless %j says otherwise, with %d cores', (caller, cores, threads) => {
    const [global] = planLab(SETTINGS);
    expect(global && environmentFor(global, caller, cores).UV_THREADPOOL_SIZE).toBe(threads);
  });
});

describe('options', () => {
  it('reads zones', () => {
    expect(parseZones('east, west,a-1')).toEqual(['east', 'west', 'a-1']);
    expect(parseZones(Array.from({ length: 50 }, (_, index) => `z${index}`).join(','))).toHaveLength(50);
  });

  it('reads how many zones there are to be', () => {
    expect(parseZones('3')).toEqual(['zone-1', 'zone-2', 'zone-3']);
    expect(parseZones('2000', MAX_ZONES_IN_PROCESS).at(-1)).toBe('zone-2000');
    expect(() => parseZones('2001', MAX_ZONES_IN_PROCESS)).toThrow('2001 zones are too many for one process');
  });

  it.each([
    ['', '"" cannot be the name of a zone'],
    ['east,,west', '"" cannot be the name of a zone'],
    ['East', '"East" cannot be the name of a zone'],
    ['-east', '"-east" cannot be the name of a zone'],
    ['../east', '"../east" cannot be the name of a zone'],
    ['a'.repeat(64), 'cannot be the name of a zone'],
    ['east,east', 'zone "east" is named twice'],
    ['east,global', '"global" is the name of the global control plane'],
    [Array.from({ length: 51 }, (_, index) => `z${index}`).join(','), '51 zones are too many: each is a process'],
    ['51', '51 zones are too many: each is a process'],
    ['0', '0 zones are no lab'],
  ])('refuses the zones %j', (text, message) => {
    expect(() => parseZones(text)).toThrow(message);
  });

  it('reads configuration files', () => {
    expect([...parseConfigs(['east=a=b.yaml', 'global=/c.yaml'])]).toEqual([
      ['east', 'a=b.yaml'],
      ['global', '/c.yaml'],
    ]);
    for (const text of ['east', 'east=', '=a.yaml']) expect(() => parseConfigs([text])).toThrow('is not NAME=FILE');
    expect(() => parseConfigs(['east=a', 'east=b'])).toThrow('east is given two configuration files');
  });

  it('reads variables, whatever their value holds', () => {
    expect(parseEnv(['east:A=b:c=d\ne', '*:EMPTY='])).toEqual([
      { name: 'east', key: 'A', value: 'b:c=d\ne' },
      { name: '*', key: 'EMPTY', value: '' },
    ]);
    for (const text of ['A=b', 'east:A', 'east:=b', 'east:1A=b', ':A=b']) {
      expect(() => parseEnv([text]), text).toThrow('is not NAME:KEY=VALUE');
    }
    expect(() => parseEnv(['*:KUMA_API_SERVER_HTTP_PORT=1'])).toThrow('is set by the lab itself');
  });

  it('reads a port offset', () => {
    expect(parsePortOffset('100')).toBe(100);
    for (const text of ['-1', '1.5', 'x', '', '65536', '1e3']) {
      expect(() => parsePortOffset(text), text).toThrow('is not a port offset');
    }
  });
});
