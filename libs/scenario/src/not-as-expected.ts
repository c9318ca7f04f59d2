/** Thrown when something is not as the scenario says that it must be. */
export class NotAsExpected extends Error {}
