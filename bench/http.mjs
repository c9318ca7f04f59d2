import { Agent, request } from 'node:http';

/** An answer that is not a success. */
class Refusal extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Keep-alive connections to one control plane, as many as requests are in flight. */
export class Connection {
  #agent = new Agent({ keepAlive: true, noDelay: true });

  constructor(url) {
    this.url = url;
  }

  /** @returns the answer's text; anything but success is an error */
  call(method, path, body) {
    return this.send(method, path, body === undefined ? undefined : JSON.stringify(body));
  }

  /** The same with a body that is JSON text already. */
  send(method, path, json) {
    const headers =
      json === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(json) };
    return new Promise((resolve, reject) => {
      const outgoing = request(`${this.url}${path}`, { method, agent: this.#agent, headers }, (answer) => {
        const chunks = [];
        answer.on('data', (chunk) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          if (answer.statusCode < 300) resolve(text);
          else
            reject(
              new Refusal(`${method} ${this.url}${path} answered ${answer.statusCode}: ${text}`, answer.statusCode),
            );
        });
      });
      outgoing.on('error', (cause) => {
        // A connection that idled may be closed by the other end just as a request is on its way: not an answer to it.
        if (outgoing.reusedSocket && cause.code === 'ECONNRESET') resolve(this.send(method, path, json));
        else reject(new Error(`${method} ${this.url}${path}: ${cause.message}`, { cause }));
      });
      outgoing.end(json);
    });
  }

  close() {
    this.#agent.destroy();
  }
}
