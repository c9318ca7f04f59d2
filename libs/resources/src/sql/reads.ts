import { byMeshAndName, type Resource, type ResourceKey, type ResourceType } from '../resource.js';
import type { Revision } from '../store.js';
import type { Row, SqlSession } from './database.js';
import type { Vault } from './vault.js';

const RESOURCE = 'SELECT type, mesh, name, spec, labels, version, creation_time, modification_time FROM resource';
const GET = `${RESOURCE} WHERE type = $1 AND mesh = $2 AND name = $3`;
const LIST = `${RESOURCE} WHERE type = $1`;
const LIST_IN_MESH = `${RESOURCE} WHERE type = $1 AND mesh = $2`;
const REVISION = 'SELECT epoch, n, pruned_to FROM revision';

/** The read that stores and transactions share. */
export async function readOne(
  session: SqlSession,
  { type, mesh, name }: ResourceKey,
  vault: Vault,
): Promise<Resource | undefined> {
  const [row] = await session.query(GET, [type, mesh, name]);
  return row && resourceOf(row, vault);
}

/** Sorted here, not by the database: its collation may order text in another way. */
export async function readAll(
  session: SqlSession,
  vault: Vault,
  type: ResourceType,
  mesh?: string,
): Promise<Resource[]> {
  const rows = mesh === undefined ? await session.query(LIST, [type]) : await session.query(LIST_IN_MESH, [type, mesh]);
  return rows.map((row) => resourceOf(row, vault)).sort(byMeshAndName);
}

/** Where the store is, and up to where its log of changes was pruned. */
export interface Position extends Revision {
  readonly prunedTo: number;
}

export async function readPosition(session: SqlSession): Promise<Position> {
  const [row] = await session.query(REVISION);
  return positionOf(row);
}

export function positionOf(row: Row | undefined): Position {
  if (!row) throw new TypeError('the store has no revision row');
  return { epoch: String(row.epoch), n: Number(row.n), prunedTo: Number(row.pruned_to) };
}

export function keyOf(row: Row): ResourceKey {
  return { type: row.type as ResourceType, mesh: String(row.mesh), name: String(row.name) };
}

export function resourceOf(row: Row, vault: Vault): Resource {
  const key = keyOf(row);
  return {
    ...key,
    spec: vault.read(key, String(row.spec)),
    labels: JSON.parse(String(row.labels)) as Resource['labels'],
    version: Number(row.version),
    creationTime: Number(row.creation_time),
    modificationTime: Number(row.modification_time),
  };
}
