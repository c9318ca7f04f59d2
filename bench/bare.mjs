// The least that a server can be, in a process of its own: an HTTP endpoint and a gRPC stream that answer with what they get.
import { createServer } from 'node:http';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { ECHO } from './machine.mjs';

const http = createServer((request, response) => {
  response.setHeader('content-type', 'application/json');
  request.pipe(response);
});
const grpc = new Server();
grpc.addService(ECHO, { echo: (call) => call.on('data', (bytes) => call.write(bytes)).on('end', () => call.end()) });

http.listen(0, '127.0.0.1', () => {
  grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    process.send({ http: http.address().port, grpc: port });
  });
});
process.once('disconnect', () => process.exit());
