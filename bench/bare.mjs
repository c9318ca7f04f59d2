// The least that a server can be, in a process of its own: an HTTP endpoint and a gRPC stream that answer with what they
// get, and one that answers with its signature, as a token would have it.
import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { ECHO } from './machine.mjs';

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const http = createServer((request, response) => {
  response.setHeader('content-type', 'application/json');
  if (request.url !== '/sign') return request.pipe(response);
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    sign('RSA-SHA256', Buffer.concat(chunks), privateKey, (error, signature) => {
      if (error) throw error;
      response.end(signature.toString('base64url'));
    });
  });
});
const grpc = new Server();
grpc.addService(ECHO, { echo: (call) => call.on('data', (bytes) => call.write(bytes)).on('end', () => call.end()) });

http.listen(0, '127.0.0.1', () => {
  grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    process.send({ pid: process.pid, http: http.address().port, grpc: port });
  });
});
process.once('disconnect', () => process.exit());
