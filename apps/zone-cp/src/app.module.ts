import { ApiServerModule, type ApiServerParts } from '@koguma/api-server';
import { type DynamicModule, Module } from '@nestjs/common';

/** The doors of a zone control plane: REST for people. */
@Module({})
export class AppModule {
  static with(api: ApiServerParts): DynamicModule {
    return { module: AppModule, imports: [ApiServerModule.with(api)] };
  }
}
