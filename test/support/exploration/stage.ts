import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { Stage } from './scenes.ts';
import { useRealTime } from './world.ts';

/** In memory where the machine has that: an exploration makes and removes thousands of small files. */
const MEMORY = '/dev/shm';

/** A stage for the tests of one file. */
export function aStage(): () => Stage {
  let folder: string;
  let stage: Stage;
  const { TMPDIR } = process.env;
  beforeAll(() => {
    folder = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'interleavings-'));
    // The uploads put their artifacts there.
    process.env.TMPDIR = join(folder, 'artifacts');
    mkdirSync(process.env.TMPDIR);
    stage = new Stage(folder);
  });
  afterAll(async () => {
    useRealTime();
    await stage.end();
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
    rmSync(folder, { recursive: true, force: true });
  });
  return () => stage;
}
