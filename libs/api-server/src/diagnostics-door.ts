import type { ListenAddress } from '@koguma/core';
import { NestFactory } from '@nestjs/core';
import { DiagnosticsModule, type DiagnosticsParts } from './diagnostics.module.js';
import { createApiAdapter } from './http-adapter.js';
import { type HttpDoor, openHttpDoor } from './http-door.js';

/** Nothing that diagnostics answers has a body. */
const LARGEST_BODY = 1_024;

/** Opens the diagnostics port; closing it ends the whole of it. */
export async function openDiagnostics(parts: DiagnosticsParts, address: ListenAddress): Promise<HttpDoor> {
  const adapter = createApiAdapter({ maxBodySize: LARGEST_BODY });
  const module = DiagnosticsModule.with(parts);
  const app = await NestFactory.create(module, adapter, { logger: false, abortOnError: false });
  const door = await openHttpDoor(app, adapter, address);
  return {
    port: door.port,
    close: async (graceMs) => {
      await door.close(graceMs);
      await app.close();
    },
  };
}
