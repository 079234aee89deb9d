import { FILES_A_SECOND } from '../pipelines.ts';
import type { Body } from '../sites/body.ts';
import type { World } from '../world.ts';

/** What the ways have in common that write files at their public paths. */
export const fileAt = (uri: string): string => uri.slice(1).replace(/(^|\/)$/, '$1index.html');

/** Every file of release 0 at its path. */
export function beginInPlace(world: World): void {
  for (const [path, body] of world.treeOf(0)) world.bucket.write(path, body, 0);
}

/**
 * Writes files one after the other, from now on, each under its key.
 *
 * @param share how many of them, from 0 to 1, before whoever writes them fails
 */
export async function writeFiles(
  world: World,
  files: readonly (readonly [key: string, body: Body])[],
  share = 1,
): Promise<void> {
  const { bucket, time } = world;
  const written = files.slice(0, Math.ceil(files.length * share));
  const each = 1_000 / FILES_A_SECOND;
  for (const [index, [key, body]] of written.entries()) {
    bucket.write(key, body, time.now + (index + 1) * each);
  }
  bucket.requests.add('PUT', written.length);
  await time.sleep(written.length * each);
}

/** Where a pipeline fails that fails: half-way through its upload. */
export const FAILS_AT = 0.5;
