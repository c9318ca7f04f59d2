import { describe, expect, it } from 'vitest';
import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from '../gen/envoy/service/discovery/v3/discovery.js';
import { MOST_NAMES } from './conversation.js';
import { Incremental } from './incremental.js';
import { snapshotOf, typeUrlOf, type XdsType } from './snapshot.js';
import { StateOfTheWorld } from './state-of-the-world.js';

/** What a dataplane gets that has an inbound on each of these ports. */
const ports = (...all: number[]) => {
  const inbound = all.map((port) => ({ port, tags: { 'kuma.io/service': 'web', 'kuma.io/protocol': 'http' } }));
  return snapshotOf('dataplane', { networking: { address: '10.0.0.1', inbound } });
};
const cluster = (port: number) => `localhost:${port}`;
const listener = (port: number) => `inbound:10.0.0.1:${port}`;

function stateOfTheWorld(snapshot = ports(80)) {
  const sent: DiscoveryResponse[] = [];
  const counts: string[] = [];
  const conversation = new StateOfTheWorld(snapshot, {
    send: (response) => void sent.push(response),
    counted: (type, outcome) => void counts.push(`${type} ${outcome}`),
  });
  const ask = (type: XdsType, resourceNames: string[] = [], more: Partial<DiscoveryRequest> = {}) =>
    conversation.hear({ versionInfo: '', resourceNames, typeUrl: typeUrlOf(type), responseNonce: '', ...more });
  const answer = (type: XdsType, resourceNames: string[] = [], why?: string) =>
    ask(type, resourceNames, {
      responseNonce: sent.findLast(({ typeUrl }) => typeUrl === typeUrlOf(type))?.nonce ?? '',
      ...(why === undefined ? {} : { errorDetail: { code: 13, message: why, details: [] } }),
    });
  /** How many resources each response had since the last time. */
  const sizes = () => sent.splice(0).map(({ resources }) => resources.length);
  return { conversation, sent, counts, ask, answer, sizes };
}

describe('a conversation about the state of the world', () => {
  it('answers the first request of a type, also when there is nothing', () => {
    const { ask, sizes } = stateOfTheWorld(ports());
    ask('cds');
    ask('eds', [cluster(80)]);
    expect(sizes()).toEqual([0, 0]);
  });

  it('gives what was asked for by name, and everything of types that are asked for whole', () => {
    const { ask, sizes } = stateOfTheWorld(ports(80, 81));
    ask('cds');
    ask('lds', ['*']);
    ask('eds', [cluster(81)]);
    ask('rds');
    expect(sizes()).toEqual([2, 2, 1, 0]);
  });

  it('is silent after an answer, and speaks again when something changed', () => {
    const { conversation, ask, answer, sizes } = stateOfTheWorld();
    ask('cds');
    answer('cds');
    conversation.offer(ports(80));
    expect(sizes()).toEqual([1]);
  });

  it('has one response of a type under way, and then tells the last state alone', () => {
    const { conversation, sent, ask, answer } = stateOfTheWorld();
    ask('cds');
    for (const more of [[80, 81], [80, 81, 82], [90]]) conversation.offer(ports(...more));
    expect(sent).toHaveLength(1);
    answer('cds');
    expect(sent).toHaveLength(2);
    expect(sent[1]?.resources).toHaveLength(1);
    answer('cds');
    expect(sent).toHaveLength(2);
  });

  it('does not repeat what was refused, and counts it', () => {
    const { conversation, counts, ask, answer, sizes } = stateOfTheWorld();
    ask('lds');
    answer('lds', [], 'port in use');
    conversation.offer(ports(80));
    expect([sizes(), counts]).toEqual([[1], ['lds sent', 'lds rejected']]);
    conversation.offer(ports(81));
    expect(sizes()).toEqual([1]);
  });

  it('answers anew who asks for other names, or for the same once more', () => {
    const { ask, answer, sizes } = stateOfTheWorld(ports(80, 81));
    ask('eds', [cluster(80)]);
    answer('eds', [cluster(80)]);
    answer('eds', [cluster(80), cluster(81)]);
    answer('eds', [cluster(80), cluster(81)]);
    answer('eds', [cluster(80), cluster(81)]);
    expect(sizes()).toEqual([1, 2, 2]);
  });

  it('answers who asks for more before they have answered, as soon as they have', () => {
    const { ask, answer, sent, sizes } = stateOfTheWorld(ports(80, 81));
    ask('eds', [cluster(80)]);
    ask('eds', [cluster(80), cluster(81)]);
    expect(sent).toHaveLength(1);
    answer('eds', [cluster(80), cluster(81)]);
    expect(sizes()).toEqual([1, 2]);
  });

  it('ignores answers to older responses, and types that nobody serves', () => {
    const { conversation, ask, sizes } = stateOfTheWorld();
    ask('cds');
    ask('cds', [], { responseNonce: '99' });
    conversation.hear({ versionInfo: '', resourceNames: [], typeUrl: 'type.googleapis.com/x.Y', responseNonce: '' });
    expect(sizes()).toEqual([1]);
  });

  it('has versions that say the same on every control plane', () => {
    const [one, two] = [stateOfTheWorld(ports(80, 81)), stateOfTheWorld(ports(80, 81))];
    for (const { ask } of [one, two]) ask('cds');
    expect(one.sent[0]?.versionInfo).toBe(two.sent[0]?.versionInfo);
  });

  it('does not remember names without end', () => {
    const { ask } = stateOfTheWorld();
    expect(() => ask('eds', Array.from({ length: MOST_NAMES + 1 }, String))).toThrow(/10000 resources/);
  });
});

function incremental(snapshot = ports(80)) {
  const sent: DeltaDiscoveryResponse[] = [];
  const counts: string[] = [];
  const conversation = new Incremental(snapshot, {
    send: (response) => void sent.push(response),
    counted: (type, outcome) => void counts.push(`${type} ${outcome}`),
  });
  const ask = (type: XdsType, more: Partial<DeltaDiscoveryRequest> = {}) =>
    conversation.hear({
      typeUrl: typeUrlOf(type),
      resourceNamesSubscribe: [],
      resourceNamesUnsubscribe: [],
      initialResourceVersions: {},
      responseNonce: '',
      ...more,
    });
  const answer = (type: XdsType, why?: string) =>
    ask(type, {
      responseNonce: sent.findLast(({ typeUrl }) => typeUrl === typeUrlOf(type))?.nonce ?? '',
      ...(why === undefined ? {} : { errorDetail: { code: 13, message: why, details: [] } }),
    });
  /** What each response brought and took away since the last time. */
  const told = () =>
    sent.splice(0).map(({ resources, removedResources }) => [resources.map(({ name }) => name), removedResources]);
  return { conversation, sent, counts, ask, answer, told };
}

describe('an incremental conversation', () => {
  it('answers the first request of a type, also when there is nothing', () => {
    const { ask, told } = incremental(ports());
    ask('cds');
    ask('lds');
    expect(told()).toEqual([
      [[], []],
      [[], []],
    ]);
  });

  it('tells what came and what went, once it was answered', () => {
    const { conversation, sent, ask, answer, told } = incremental(ports(80, 81));
    ask('cds');
    conversation.offer(ports(81, 82));
    expect(sent).toHaveLength(1);
    answer('cds');
    expect(told()).toEqual([
      [[cluster(80), cluster(81)], []],
      [[cluster(82)], [cluster(80)]],
    ]);
  });

  it('tells nothing to who has everything already', () => {
    const snapshot = ports(80, 81);
    const versions = Object.fromEntries([...snapshot.cds.values()].map(({ name, version }) => [name, version]));
    const { conversation, ask, answer, told } = incremental(snapshot);
    ask('cds', { initialResourceVersions: { ...versions, [cluster(99)]: 'old' } });
    answer('cds');
    conversation.offer(ports(80, 81));
    expect(told()).toEqual([[[], [cluster(99)]]]);
  });

  it('says once of what was asked for by name that it is not there, and gives it when it comes', () => {
    const { conversation, ask, answer, sent, told } = incremental(ports());
    ask('eds', { resourceNamesSubscribe: [cluster(80)] });
    answer('eds');
    conversation.offer(ports());
    conversation.offer(ports(80));
    answer('eds');
    conversation.offer(ports());
    expect(sent).toHaveLength(3);
    expect(told()).toEqual([
      [[], [cluster(80)]],
      [[cluster(80)], []],
      [[], [cluster(80)]],
    ]);
  });

  it('gives again what is asked for again, and no more of what is not wanted any more', () => {
    const { conversation, ask, answer, sent } = incremental(ports(80));
    ask('eds', { resourceNamesSubscribe: [cluster(80)] });
    answer('eds');
    ask('eds', { resourceNamesSubscribe: [cluster(80)] });
    expect(sent).toHaveLength(2);
    answer('eds');
    ask('eds', { resourceNamesUnsubscribe: [cluster(80)] });
    conversation.offer(ports());
    expect(sent).toHaveLength(2);
  });

  it('counts what was refused, and does not repeat it', () => {
    const { conversation, counts, ask, answer, sent } = incremental();
    ask('lds');
    answer('lds', 'port in use');
    conversation.offer(ports(80));
    expect([sent.length, counts]).toEqual([1, ['lds sent', 'lds rejected']]);
    conversation.offer(ports(80, 81));
    expect(sent[1]?.resources.map(({ name }) => name)).toEqual([listener(81)]);
  });

  it('does not remember names without end, however they are spread', () => {
    const { ask } = incremental();
    const names = (from: number) => Array.from({ length: MOST_NAMES - 10 }, (_, at) => String(from + at));
    ask('eds', { resourceNamesSubscribe: names(0) });
    expect(() => ask('eds', { resourceNamesSubscribe: names(MOST_NAMES) })).toThrow(/10000 resources/);
    const initialResourceVersions = Object.fromEntries(Array.from({ length: MOST_NAMES + 1 }, (_, at) => [at, 'x']));
    expect(() => incremental().ask('cds', { initialResourceVersions })).toThrow(/10000 resources/);
  });
});
