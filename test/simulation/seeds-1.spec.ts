import { expectSeedsToHold } from './expect-seeds.js';

expectSeedsToHold(1, 250);
