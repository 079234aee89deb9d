import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LocalS3 } from './aws/s3.ts';
import type { BusEvent } from './event-rules.ts';
import type { ExecutionHandle, LocalPipeline } from './pipeline/engine.ts';
import { archiveCommit } from './pipeline/source.ts';

export interface Uploaded {
  readonly version: string;
  /** Absent where no rule of the template starts the pipeline for the object. */
  readonly execution?: ExecutionHandle;
}

/** The source of a pipeline that is one object in S3: what is uploaded there, by whomever, and what that has started. */
export class Uploads {
  #last: { readonly version: string; readonly execution: ExecutionHandle } | undefined;

  constructor(
    private readonly place: { readonly bucket: string; readonly key: string },
    private readonly s3: Pick<LocalS3, 'putFile' | 'versions'>,
    private readonly pipeline: Pick<LocalPipeline, 'start'>,
  ) {}

  /** Starts the pipeline for an `Object Created` event that the template's rules have let through. */
  onCreated({ detail }: BusEvent): void {
    const { key, 'version-id': version } = detail.object as Record<string, string>;
    const commit = version ?? 'null';
    const execution = this.pipeline.start({ trigger: 'upload', commit, branch: key ?? '' });
    this.#last = { version: commit, execution };
  }

  /** The execution that this version has started, if it was the last. */
  startedFor(version: string): ExecutionHandle | undefined {
    return this.#last?.version === version ? this.#last.execution : undefined;
  }

  /** The newest version; `undefined` before the first. */
  newest(): string | undefined {
    return this.s3.versions(this.place.bucket, this.place.key).at(-1)?.version;
  }

  async put(file: string): Promise<Uploaded> {
    const { version = 'null' } = await this.s3.putFile(this.place.bucket, this.place.key, file);
    const execution = this.startedFor(version);
    return { version, ...(execution && { execution }) };
  }

  /**
   * Uploads a checkout's current commit, unless a version has its very bytes: git writes the same zip of a commit
   * every time, and what somebody has uploaded since is newer.
   */
  async putHead(checkout: string): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'atomic-site-head-'));
    try {
      const file = join(folder, 'head.zip');
      await archiveCommit(checkout, 'HEAD', file);
      const etag = `"${createHash('md5')
        .update(await readFile(file))
        .digest('hex')}"`;
      const versions = this.s3.versions(this.place.bucket, this.place.key);
      if (!versions.some((version) => version.etag === etag)) await this.put(file);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}
