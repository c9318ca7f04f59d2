import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { AccessGuard } from './access-guard.js';
import { ErrorFilter } from './error-filter.js';
import { EventsController } from './events.controller.js';
import { IndexController } from './index.controller.js';
import { InsightsController } from './insights/insights.controller.js';
import { Insights } from './insights/insights.js';
import { KogumaController } from './koguma.controller.js';
import { OpenApiController } from './openapi/openapi.controller.js';
import { type ApiServerParts, PARTS } from './parts.js';
import { resourceControllers } from './resource-controllers.js';
import { Resources } from './resources.js';
import { tokenControllers } from './token-controllers.js';
import { TypesController } from './types.controller.js';

const CONTROLLERS = [
  IndexController,
  OpenApiController,
  TypesController,
  InsightsController,
  KogumaController,
  EventsController,
];

/** The REST API of a control plane (ports 5681 and 5682). Its application must be on an `ApiAdapter`. */
@Module({})
export class ApiServerModule {
  static with(parts: ApiServerParts): DynamicModule {
    return {
      module: ApiServerModule,
      controllers: [...CONTROLLERS, ...tokenControllers(), ...resourceControllers()],
      providers: [
        { provide: PARTS, useValue: parts },
        Resources,
        Insights,
        { provide: APP_GUARD, useClass: AccessGuard },
        { provide: APP_FILTER, useValue: new ErrorFilter(parts.log) },
      ],
    };
  }
}
