export const IN_FLIGHT = 32;

/**
 * Measures several things beside each other: in each round every one gets many short slices of time, in random order, so that
 * what else goes on here meets all of them alike.
 * @param plan { rounds, slices }
 * @param measure of one of them, for one slice. @returns numbers
 * @returns for each of them, for each round the sums of those numbers; one round before does not count
 */
export async function slices(all, plan, progress, measure) {
  const turns = all.flatMap((one) => Array.from({ length: plan.slices }, () => one));
  const round = async () => {
    const sums = new Map(all.map((one) => [one, {}]));
    for (const one of shuffled(turns)) {
      const sum = sums.get(one);
      for (const [name, value] of Object.entries(await measure(one))) sum[name] = (sum[name] ?? 0) + value;
    }
    return sums;
  };
  await round();
  const rounds = [];
  for (const _ of progress.rounds(plan)) rounds.push(await round());
  return new Map(all.map((one) => [one, rounds.map((sums) => sums.get(one))]));
}

/** Calls `work` again and again, with many calls in flight, for `ms`. @returns how often, in which time, with how much CPU (µs) */
export async function fullSpeed(ms, work) {
  const before = process.cpuUsage();
  const began = performance.now();
  const until = began + ms;
  let times = 0;
  const loop = async () => {
    while (performance.now() < until) {
      await work();
      times++;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, loop));
  const { user, system } = process.cpuUsage(before);
  return { times, seconds: (performance.now() - began) / 1000, cpu: user + system };
}

function shuffled(all) {
  return all
    .map((one) => ({ one, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one);
}
