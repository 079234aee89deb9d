import * as v from 'valibot';
import { type Manifest, RELEASE_ID } from '../../lib/release/contract.ts';

const releaseId = v.pipe(v.string(), v.regex(RELEASE_ID));

const manifestSchema = v.object({
  version: v.literal(2),
  id: v.string(),
  revision: v.string(),
  createdAt: v.string(),
  pointer: v.object({ id: releaseId, base: releaseId, delta: v.string() }),
  files: v.array(
    v.object({
      path: v.string(),
      key: v.string(),
      size: v.number(),
      sha256: v.string(),
      type: v.string(),
    }),
  ),
  gone: v.array(v.object({ path: v.string(), since: v.string() })),
});

/** What stands under a manifest's key is none. */
export class DamagedManifest extends Error {
  constructor(id: string, reason: string) {
    super(`manifest of ${id}: ${reason}`);
    this.name = 'DamagedManifest';
  }
}

/** @throws DamagedManifest naming the first place that is not as `contract.ts` has it. */
export function readManifest(text: string, id: string): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new DamagedManifest(id, `not JSON (${(error as Error).message})`);
  }
  const read = v.safeParse(manifestSchema, json, { abortEarly: true });
  if (!read.success) {
    const [issue] = read.issues;
    throw new DamagedManifest(id, `${v.getDotPath(issue) ?? 'all of it'}: ${issue.message}`);
  }
  if (read.output.id !== id) {
    throw new DamagedManifest(id, `id: got "${read.output.id}"; it belongs to another release`);
  }
  if (read.output.pointer.id !== id) {
    throw new DamagedManifest(
      id,
      `pointer.id: got "${read.output.pointer.id}"; it leads to another release`,
    );
  }
  return read.output;
}
