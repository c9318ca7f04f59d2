import { invalid, NANOS_PER_MILLISECOND, parseDuration } from '@koguma/core';

/** A Go duration (`721h`, `1h30m`, `500ms`), or milliseconds. */
export type Duration = string | number;

/** @throws ControlPlaneError `invalid` for what is no duration */
export function milliseconds(duration: Duration): number {
  if (typeof duration === 'number') {
    if (Number.isFinite(duration)) return duration;
    throw invalid({ field: 'duration', reason: 'must be a number of milliseconds' });
  }
  try {
    return Number(parseDuration(duration) / NANOS_PER_MILLISECOND);
  } catch (error) {
    throw invalid({ field: 'duration', reason: `${(error as Error).message}: write it as 721h, 10m or 1.5s` });
  }
}
