export { kogumaDp, type Surroundings } from './cli.js';
