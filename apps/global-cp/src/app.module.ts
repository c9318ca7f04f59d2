import { ApiServerModule, type ApiServerParts } from '@koguma/api-server';
import type { Log } from '@koguma/core';
import { type KdsEndpoint, KdsModule } from '@koguma/kds';
import { type DynamicModule, Module } from '@nestjs/common';

/** The doors of a global control plane: REST for people, KDS for zones. It opens none for proxies. */
@Module({})
export class AppModule {
  static with(api: ApiServerParts, kds: KdsEndpoint, log: Log): DynamicModule {
    return { module: AppModule, imports: [ApiServerModule.with(api), KdsModule.with(kds, log)] };
  }
}
