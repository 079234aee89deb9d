import * as v from 'valibot';
import {
  type Manifest,
  RELEASE_ID,
  type ReleaseRecord,
  RULES,
  rulesKeyEnd,
  rulesKeys,
} from '../../lib/release/contract.ts';
import type { PageStore } from './page-store.ts';

const releaseId = v.pipe(v.string(), v.regex(RELEASE_ID));

const manifestSchema = v.object({
  version: v.literal(2),
  id: v.string(),
  revision: v.string(),
  createdAt: v.string(),
  pointer: v.object({
    id: releaseId,
    base: releaseId,
    delta: v.string(),
    style: v.optional(v.picklist(['directory', 'file'])),
    pages: v.optional(v.string()),
    rules: v.exactOptional(v.pipe(v.string(), v.regex(RULES))),
  }),
  files: v.array(
    v.object({
      path: v.string(),
      key: v.string(),
      size: v.number(),
      sha256: v.string(),
      type: v.string(),
      headers: v.exactOptional(v.string()),
      original: v.exactOptional(v.string()),
    }),
  ),
  gone: v.array(v.object({ path: v.string(), since: v.string() })),
  rules: v.exactOptional(v.record(v.string(), v.string())),
});

const recordSchema = v.union([
  v.object({
    version: v.literal(2),
    id: v.string(),
    upload: v.object({ job: v.string(), at: v.string() }),
  }),
  v.object({
    version: v.literal(2),
    id: v.string(),
    end: v.object({ state: v.picklist(['abandoned', 'retired']), at: v.string(), by: v.string() }),
  }),
]);

/** What stands under a manifest's key is none of what may stand there. */
export class DamagedManifest extends Error {
  constructor(id: string, reason: string) {
    super(`manifest of ${id}: ${reason}`);
    this.name = 'DamagedManifest';
  }
}

export const isManifest = (record: ReleaseRecord): record is Manifest => 'files' in record;

/** @throws DamagedManifest naming the first place that is not as `contract.ts` has it. */
export function readRecord(text: string, id: string): ReleaseRecord {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new DamagedManifest(id, `not JSON (${(error as Error).message})`);
  }
  const other = v.safeParse(recordSchema, json);
  if (other.success) return belonging(other.output, id);
  const read = v.safeParse(manifestSchema, json, { abortEarly: true });
  if (!read.success) {
    const [issue] = read.issues;
    throw new DamagedManifest(id, `${v.getDotPath(issue) ?? 'all of it'}: ${issue.message}`);
  }
  if (read.output.pointer.id !== read.output.id) {
    throw new DamagedManifest(
      id,
      `pointer.id: got "${read.output.pointer.id}"; it leads to another release`,
    );
  }
  const { pointer, rules = {} } = read.output;
  const lost = rulesKeys(pointer.rules).find((key) => rules[rulesKeyEnd(key)] === undefined);
  if (lost !== undefined)
    throw new DamagedManifest(id, `rules: lacks ${lost}, which its pointer names`);
  return belonging(read.output, id);
}

/** The same for those who go on without it: what is wrong, in place of the record. */
export function recordOrDamage(text: string, id: string): ReleaseRecord | DamagedManifest {
  try {
    return readRecord(text, id);
  } catch (damage) {
    if (damage instanceof DamagedManifest) return damage;
    throw damage;
  }
}

/**
 * What stands under a release's manifest key, with its version; nothing if its id was never taken.
 *
 * @throws DamagedManifest if it is unreadable.
 */
export async function recordOf(
  id: string,
  records: PageStore,
  signal: AbortSignal,
): Promise<{ readonly record: ReleaseRecord; readonly version: string } | undefined> {
  const page = await records.read(id, signal);
  return page && { record: readRecord(page.text, id), version: page.version };
}

/**
 * The manifest of a release, or nothing if there is no such release: never complete, or no more.
 *
 * @throws DamagedManifest if it is unreadable.
 */
export async function manifestOf(
  id: string,
  records: PageStore,
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  const found = await recordOf(id, records, signal);
  return found && isManifest(found.record) ? found.record : undefined;
}

function belonging<T extends ReleaseRecord>(record: T, id: string): T {
  if (record.id === id) return record;
  throw new DamagedManifest(id, `id: got "${record.id}"; it belongs to another release`);
}
