import { rfc3339 } from '@koguma/core';

/** What happens to a proxy. */
export type EventName =
  | 'bootstrapped'
  | 'no-bootstrap'
  | 'connected'
  | 'configured'
  | 'refused'
  | 'disconnected'
  | 'token-reloaded'
  | 'stopped';

type Fields = Readonly<Record<string, string | number>>;
export type Tell = (event: EventName, fields: Fields) => void;

/** Writes one line for each event of one proxy: for people, or as JSON. */
export function teller(
  proxy: string,
  { write, wall, format }: { write: (text: string) => unknown; wall: () => number; format: 'text' | 'json' },
): Tell {
  return (event, fields) => {
    const time = rfc3339(wall());
    if (format === 'json') write(`${JSON.stringify({ time, proxy, event, ...fields })}\n`);
    else write(`${time} ${proxy} ${SENTENCES[event](fields)}\n`);
  };
}

const SENTENCES: Readonly<Record<EventName, (fields: Fields) => string>> = {
  bootstrapped: ({ controlPlane, token }) =>
    `has its bootstrap: ${controlPlane}, token ${token === 'file' ? 'read for each connection' : 'read once'}`,
  'no-bootstrap': ({ reason, retryInMs }) => `has no bootstrap: ${reason}; again in ${seconds(retryInMs)}`,
  connected: (fields) => `is connected: ${holdings(fields)}`,
  configured: (fields) => `has new configuration: ${holdings(fields)}`,
  refused: ({ reason, retryInMs }) => `is refused: ${reason}; again in ${seconds(retryInMs)}`,
  disconnected: ({ reason, retryInMs }) => `lost its stream: ${reason}; again in ${seconds(retryInMs)}`,
  'token-reloaded': () => 'has a new token',
  stopped: () => 'has stopped',
};

function holdings({ listeners, clusters }: Fields): string {
  return `${counted(listeners, 'listener')}, ${counted(clusters, 'cluster')}`;
}

function counted(count: string | number | undefined, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function seconds(ms: string | number | undefined): string {
  return `${(Number(ms) / 1000).toFixed(1)} s`;
}
