export { composeGlobal, type Global, type GlobalPorts } from './global.js';
export { type ServedGlobal, serveGlobal } from './serve.js';
