// A client in a process of its own, so that it does not share an event loop with what it measures.
// Takes { url, path, body, inFlight, ms }, answers { requests, seconds } or { error }.
import { Connection } from './http.mjs';

let connection = new Connection('');

async function load({ url, path, body, inFlight, ms }) {
  if (connection.url !== url) connection = new Connection(url);
  const began = performance.now();
  const until = began + ms;
  let requests = 0;
  const work = async () => {
    while (performance.now() < until) {
      await connection.send('POST', path, body);
      requests++;
    }
  };
  try {
    await Promise.all(Array.from({ length: inFlight }, work));
    process.send({ requests, seconds: (performance.now() - began) / 1000 });
  } catch (error) {
    process.send({ error: error.message });
  }
}

process.on('message', (order) => void load(order));
process.once('disconnect', () => process.exit());
