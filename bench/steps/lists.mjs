import { median, row } from '../figures.mjs';
import { Place } from '../place.mjs';

/** What longer and longer revocation lists cost on their way to the zones. */
export async function lists({ lengths, zones, plan, progress }) {
  const place = await Place.open();
  await place.gather(zones);
  const rows = [];
  for (const length of lengths) {
    const taken = [];
    for (const _ of progress.rounds(plan)) taken.push(await write(place, length));
    const each = (of) => taken.map((one) => of(one));
    const say = `${length.toLocaleString('en')} ${length === 1 ? 'id' : 'ids'}`;
    const about = (name, unit, samples) =>
      row({ name: `${name}, ${say}`, of: name, at: { ids: length }, unit, samples });
    rows.push(
      about(
        'PUT answered',
        'ms',
        each(({ put }) => put),
      ),
      about(
        'PUT on global to applied, median of the zones',
        'ms',
        each(({ all }) => median(all)),
      ),
      about(
        'CPU of global',
        'ms',
        each(({ cpu }) => cpu),
      ),
      about(
        'bytes from global for a zone',
        'KB',
        each(({ bytes }) => bytes / zones),
      ),
    );
  }
  await place.close();
  return { title: `A revocation list that is written, by its length, ${zones} zones`, rows };
}

/** What is used is that from the PUT until the zones have it, without the rest before. */
async function write(place, length) {
  const { token, id } = await place.issue();
  const ids = [...Array.from({ length: length - 1 }, () => crypto.randomUUID()), id];
  const before = await place.used();
  const { put, all } = await place.revoke({ ids, token });
  const after = await place.used(0);
  return { put, all, cpu: 1000 * (after.cpu - before.cpu), bytes: (after.read - before.read) / 1000 };
}
