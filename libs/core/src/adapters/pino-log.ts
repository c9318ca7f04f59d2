import { type DestinationStream, pino } from 'pino';
import type { Log } from '../log.js';
import { requestId } from './request-id.js';

/**
 * JSON lines on `destination` (standard output when left out), one object a line. What is logged for a request has its
 * id as `request`.
 */
export function pinoLog(level: string, node: string, destination?: DestinationStream): Log {
  const mixin = () => {
    const request = requestId();
    return request === undefined ? {} : { request };
  };
  const root = pino({ level, base: { node }, timestamp: pino.stdTimeFunctions.isoTime, mixin }, destination);
  return adapt(root);
}

function adapt(logger: pino.Logger): Log {
  return {
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
    scope: (name) => adapt(logger.child({ scope: name })),
  };
}
