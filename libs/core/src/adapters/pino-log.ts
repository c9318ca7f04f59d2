import { type DestinationStream, pino } from 'pino';
import type { Log } from '../log.js';

/** JSON lines on `destination` (standard output when left out), one object a line. */
export function pinoLog(level: string, node: string, destination?: DestinationStream): Log {
  const root = pino({ level, base: { node }, timestamp: pino.stdTimeFunctions.isoTime }, destination);
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
