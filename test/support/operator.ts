import { S3Client } from '@aws-sdk/client-s3';
import type { Request } from '../../bin/releases/arguments.ts';
import { isWrite } from '../../bin/releases/calls.ts';
import type { Answer, Operator } from '../../bin/releases/operator.ts';
import { run } from '../../bin/releases/run.ts';
import {
  type LedgerEntry,
  LIVE_KEY,
  ledgerKey,
  manifestKey,
  type ReleaseRecord,
} from '../../lib/release/contract.ts';
import { aClock, anAwsError, type FakeClock } from './job.ts';
import { PointerStoreFake, pointerTo, textOf } from './pointer-store.ts';

interface Input {
  readonly Key?: string;
  readonly Prefix?: string;
  readonly Body?: string;
  readonly CopySource?: string;
}

/** A content bucket in memory, as far as the operator's command asks it. */
class BucketFake extends S3Client {
  readonly objects = new Map<string, string>();
  /** `GetObject _site/…`, in the order of the calls. */
  readonly calls: string[] = [];
  beforeCall = (_call: string): void => {};

  constructor() {
    super({ region: 'us-east-1' });
  }

  override async send(command: { constructor: { name: string }; input: Input }, options?: unknown) {
    const { Key = '', Prefix = '', Body = '' } = command.input;
    const name = command.constructor.name.replace(/Command$/, '');
    this.calls.push(`${name} ${Key || Prefix}`);
    this.beforeCall(`${name} ${Key || Prefix}`);
    (options as { abortSignal?: AbortSignal } | undefined)?.abortSignal?.throwIfAborted();
    if (name === 'ListObjectsV2') {
      const Contents = [...this.objects]
        .filter(([key]) => key.startsWith(Prefix))
        .map(([key, text]) => ({ Key: key, Size: Buffer.byteLength(text) }));
      return { Contents, IsTruncated: false };
    }
    if (name === 'GetObject') {
      const text = this.objects.get(Key);
      if (text === undefined) throw anAwsError('NoSuchKey', 404);
      return { Body: { transformToString: async () => text }, ETag: `"${text.length}"` };
    }
    if (name === 'PutObject') this.objects.set(Key, Body);
    return { ETag: `"${Body.length}"` };
  }
}

/** A stack in memory, and the person who operates it. */
export class OperatorFake {
  readonly bucket = new BucketFake();
  readonly pointer = new PointerStoreFake();
  readonly clock: FakeClock = aClock(Date.UTC(2026, 10, 23, 12));
  readonly stop = new AbortController();
  /** What the command told, and what it asked. */
  readonly said: string[] = [];
  readonly asked: string[] = [];
  /** To each question. */
  agrees = (_question: string): boolean => true;
  asks = true;
  /** Takes what others are told; nothing where nobody is. */
  publish: Operator['connection']['publish'];
  /** Without an answer: whatever is live. */
  site: () => string | undefined = () => undefined;

  /** Complete, with a page in the ledger that ends with the last of these states. */
  release(id: string, ...states: LedgerEntry['states'][number]['state'][]): string {
    this.record({
      version: 2,
      id,
      revision: 'r',
      createdAt: '2026',
      pointer: pointerTo(id),
      files: [
        {
          path: 'index.html',
          key: `releases/${id}/index.html`,
          size: 1,
          sha256: 'x',
          type: 'text/html',
        },
      ],
      gone: [],
    });
    const entry: LedgerEntry = {
      ...{ version: 1, id, revision: 'r', files: 1, bytes: 1, pages: 1, findings: [] },
      states: ['uploaded' as const, ...states].map((state) => ({ state, at: '2026', by: 'e' })),
    };
    this.bucket.objects.set(ledgerKey(id), JSON.stringify(entry));
    return id;
  }

  record(record: ReleaseRecord): void {
    this.bucket.objects.set(manifestKey(record.id), JSON.stringify(record));
  }

  end(id: string): void {
    this.record({ version: 2, id, end: { state: 'retired', at: '2026', by: 'e' } });
  }

  entry = (id: string): LedgerEntry => JSON.parse(this.bucket.objects.get(ledgerKey(id)) ?? 'null');

  /** Makes them live and previous. */
  point(live: string, previous?: string): void {
    this.pointer.write({
      live: textOf(live),
      ...(previous !== undefined && { previous: textOf(previous) }),
    });
  }

  live = (): string => JSON.parse(this.pointer.contents()[LIVE_KEY] ?? '{}').id;

  operator(): Operator {
    const { bucket: s3, pointer, clock, stop, said, asked } = this;
    const cloudFront = { send: async () => ({ Invalidation: { Id: 'I1', Status: 'Completed' } }) };
    return {
      connection: {
        stack: 'a-site',
        ...(this.publish && { publish: this.publish }),
        siteUrl: 'https://site',
        bucket: 'content',
        distributionId: 'E1A2B3C4D5E6F7',
        by: 'arn:aws:iam::1:user/jo',
        s3: s3 as S3Client,
        cloudFront: async () => cloudFront as never,
        pipeline: undefined,
        codePipeline: async () => undefined as never,
        pointer,
        hasWritten: () => this.pointer.writes > 0 || s3.calls.some((call) => isWrite(`S3 ${call}`)),
        site: { get: async () => ({ status: 200, text: this.site() ?? this.live() }) },
      },
      config: {
        health: { path: '/', deadlineSeconds: 1 },
        immutable: ['assets/*'],
        retention: { newest: 1, days: 0 },
        redirectsFile: false,
      },
      clock,
      signal: stop.signal,
      say: (line) => said.push(line),
      asks: this.asks,
      agree: async (question, otherwise) => {
        if (!this.asks) return;
        asked.push(question);
        if (!this.agrees(question)) throw new Error(otherwise ?? 'Nothing was changed.');
      },
      elapsed: () => 0,
    };
  }

  run = (request: Request): Promise<Answer> => run(request, this.operator());
}
