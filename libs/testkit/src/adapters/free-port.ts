import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports from which systems take those of outgoing connections, or one could be taken between two lives of a server. */
const PORTS = { first: 15_000, last: 31_999 };

/** A port that nobody listens on now, and that no outgoing connection takes by chance. */
export async function freePort(): Promise<number> {
  const port = randomInt(PORTS.first, PORTS.last + 1);
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch {
    return freePort();
  }
  await new Promise((resolve) => server.close(resolve));
  return port;
}
