import { expectSeedsToHold } from './expect-seeds.js';

expectSeedsToHold(251, 250);
