#!/usr/bin/env node
// Plays the seeded simulation outside the test runner.
import { runTranslated } from './translated.mjs';

await runTranslated('simulation', ['peer']);
