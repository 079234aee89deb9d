import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Failure, FinalStatus } from './events.ts';

export type Status = FinalStatus | 'InProgress';

export interface ActionRecord {
  readonly name: string;
  readonly provider: string;
  status: Status;
  readonly startedAt: string;
  durationMs?: number;
  summary?: string;
  error?: string;
  lastLines?: readonly string[];
  /** A build's or invalidation's id, say. */
  externalExecutionId?: string;
  variables: Readonly<Record<string, string>>;
}

export interface StageRecord {
  readonly name: string;
  status: Status;
  readonly startedAt: string;
  durationMs?: number;
  actions: ActionRecord[];
}

/** Where an artifact of an execution is. */
export interface ArtifactRecord {
  readonly bucket: string;
  readonly key: string;
  /** The commit or version, for what a source action brought; absent for what was made from it. */
  readonly revision?: string;
}

/** One execution as it is kept on disk. Holds no credentials. */
export interface ExecutionRecord {
  readonly id: string;
  readonly pipeline: string;
  status: Status;
  readonly trigger: string;
  /** For a source in S3 the version of the object: of the upload, then the newest when it is fetched. */
  commit: string;
  /** For a source in S3 the object's key. */
  readonly branch: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  durationMs?: number;
  readonly variables: Readonly<Record<string, string>>;
  readonly artifacts: Record<string, ArtifactRecord>;
  /** Of the pipeline's stages and actions, as they were when the execution started. */
  readonly structure: string;
  /** Set if a stage was rolled back: which one, and to which execution. */
  readonly rollback?: { readonly stage: string; readonly to: string };
  /** The stages that were entered, in order. */
  readonly stages: StageRecord[];
  failure?: Failure;
  supersededBy?: string;
}

/** The executions of a pipeline, one JSON file each, in memory and on disk. */
export class Records {
  readonly #folder: string;
  readonly #records = new Map<string, ExecutionRecord>();

  /** Reads what an earlier run left; what was running then has stopped with it. */
  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
    const records = readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => readRecord(join(folder, name)))
      .sort((a, b) => (a.startedAt < b.startedAt ? -1 : 1));
    for (const record of records) {
      this.#records.set(record.id, record);
      if (record.status !== 'InProgress') continue;
      record.status = 'Stopped';
      for (const stage of record.stages) {
        if (stage.status === 'InProgress') stage.status = 'Stopped';
        for (const action of stage.actions) {
          if (action.status === 'InProgress') action.status = 'Stopped';
        }
      }
      this.save(record);
    }
  }

  /** Oldest first. */
  all(): ExecutionRecord[] {
    return [...this.#records.values()];
  }

  get(id: string): ExecutionRecord | undefined {
    return this.#records.get(id);
  }

  save(record: ExecutionRecord): void {
    this.#records.set(record.id, record);
    const file = join(this.#folder, `${record.id}.json`);
    const temporary = `${file}.tmp`;
    writeFileSync(temporary, `${JSON.stringify(record, null, 2)}\n`);
    renameSync(temporary, file);
  }
}

function readRecord(file: string): ExecutionRecord {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ExecutionRecord;
  } catch (cause) {
    throw new Error(`${file}: not readable; delete it, the execution is only history`, { cause });
  }
}
