#!/usr/bin/env node
// Fuzzes outside the test runner, for as long as one likes.
import { runTranslated } from './translated.mjs';

await runTranslated('fuzz', ['peer', 'support']);
