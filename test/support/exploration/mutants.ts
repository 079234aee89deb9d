import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Cores } from './actors.ts';
import type { Leg } from './random.ts';
import type { PlotName } from './scenes.ts';

/** The functions without one of their safeguards. */
export interface Mutant {
  /** What is gone. */
  readonly without: string;
  readonly file: string;
  /** Each stands in the file exactly once. */
  readonly edits: readonly (readonly [text: string, instead: string])[];
  /** The plot that shows it. */
  readonly plot: PlotName;
  /** What is found to be broken. */
  readonly shows: string;
  /** The way to where it shows, where looking for it would take too long. */
  readonly course?: readonly Leg[];
}

export const MUTANTS: readonly Mutant[] = [
  {
    without: 'the fence between the end marks and the first deletion',
    file: 'lambda/prune/guard.ts',
    edits: [['this.#fenced ? await this.#read() : await this.#fence()', 'await this.#read()']],
    plot: 'a rollback to an outdated release and a clean-up',
    shows: 'the live release is complete',
  },
  {
    without: 'the look at the pointer that comes with the fence',
    file: 'lambda/prune/guard.ts',
    edits: [['const live = this.#checked(await get(LIVE_KEY));', 'const live = this.#live;']],
    plot: 'a rollback to an outdated release and a clean-up',
    shows: 'the live release is complete',
  },
  {
    without: 'the refusal to delete while the live release is one that was ended',
    file: 'lambda/prune/guard.ts',
    // Twice: one that has ended has no manifest either.
    edits: [
      ['if (this.#ended.has(live))', 'if (false)'],
      ['if (manifest === undefined) {', 'if (manifest === undefined) return;\n    if (false) {'],
      ['for (const { key } of manifest.files) this.keys.add(key);', ''],
    ],
    plot: 'a rollback to an outdated release and a clean-up',
    shows: 'the live release is complete',
  },
  {
    without: 'the sparing of files that a kept release has, under the prefix of one that has ended',
    file: 'lambda/prune/guard.ts',
    edits: [['return objects.filter(({ key }) => !this.keys.has(key));', 'return [...objects];']],
    plot: 'a rollback to an outdated release with a file of others, and a clean-up',
    shows: 'a release that has not ended is complete',
  },
  {
    without: 'the files of kept releases other than the live one among what must stay',
    file: 'lambda/prune/look.ts',
    edits: [
      [
        'for (const { key } of record.files) keys.add(key);',
        'if (id === live) for (const { key } of record.files) keys.add(key);',
      ],
    ],
    plot: 'a rollback to an outdated release with a file of others, and a clean-up',
    shows: 'a release that has not ended is complete',
  },
  {
    without: 'the keeping of the base of what is kept',
    file: 'lambda/prune/retention.ts',
    edits: [["['base', isBase],", '']],
    plot: 'a rollback to an outdated release with a file of others, and a clean-up',
    shows: 'the base of the live release is complete',
  },
  {
    without: 'the wait of a clean-up for an upload that is under way',
    file: 'lambda/prune/look.ts',
    edits: [
      [
        'if (clock.now() - releaseTime(id).getTime() < DEAD_AFTER_MS) {',
        'if (clock.now() - releaseTime(id).getTime() < DEAD_AFTER_MS) { continue;',
      ],
    ],
    plot: 'an upload that finds a file in the pool and a clean-up',
    shows: 'a release that has not ended is complete',
  },
  {
    without: 'the look for uploads that began before the end marks',
    file: 'lambda/prune/prune.ts',
    edits: [['over.length > 0 ? await begunSince(seen, context) : undefined', 'undefined']],
    plot: 'an upload, a rollback for a moment and a clean-up',
    shows: 'a release that has not ended is complete',
    course: [
      { who: 'clean-up', until: /^PutObject _site.ledger/ },
      { who: 'rollback' },
      { who: 'upload', until: /^PutObject releases/ },
      { who: 'clean-up', until: /^DescribeKeyValueStore/ },
      { who: 'forward' },
      { who: 'clean-up' },
    ],
  },
  {
    without: 'the look for uploads that comes after the announcement',
    file: 'lambda/prune/sweep.ts',
    edits: [['const begun = await begunSince(seen, context);', 'const begun = undefined;']],
    plot: 'an upload that finds a file in the pool and a clean-up',
    shows: 'a release that has not ended is complete',
  },
  {
    without: 'the look of an upload for an announcement',
    file: 'lambda/upload/upload.ts',
    edits: [['await outlastSweep(planned.pool, ports, clock, visitors, invocation);', '']],
    plot: 'an upload that finds a file in the pool and a clean-up',
    shows: 'a release that has not ended is complete',
  },
  {
    without: 'the lease of an announcement',
    file: 'lambda/prune/sweep.ts',
    edits: [
      [
        'if (page !== undefined && isInForce(page, now)) return undefined;',
        'void isInForce; void now;',
      ],
    ],
    plot: 'an upload that finds a file in the pool and two clean-ups',
    shows: 'a release that has not ended is complete',
    course: [
      { who: 'clean-up', until: /^DeleteObjects assets/ },
      { who: 'another' },
      { who: 'upload' },
    ],
  },
  {
    without: 'the condition under which an announcement is made',
    file: 'lambda/prune/sweep.ts',
    edits: [
      [
        "return ports.sweeps.write('', JSON.stringify(sweep), page?.version, invocation.signal);",
        "const text = JSON.stringify(sweep);\n  const write = (version: string | undefined) => ports.sweeps.write('', text, version, invocation.signal);\n  return (await write(page?.version)) ?? (await write((await ports.sweeps.read('', invocation.signal))?.version));",
      ],
    ],
    plot: 'an upload that finds a file in the pool and two clean-ups',
    shows: 'a release that has not ended is complete',
    course: [
      { who: 'clean-up', until: /^PutObject _site.pool-sweep/ },
      { who: 'another', until: /^PutObject _site.pool-sweep/ },
      { who: 'clean-up', until: /^DeleteObjects assets/ },
      { who: 'another' },
      { who: 'upload' },
    ],
  },
  {
    without: 'the condition under which an announcement is taken back',
    file: 'lambda/prune/sweep.ts',
    edits: [
      [
        "await ports.sweeps.write('', JSON.stringify(over), announced, invocation.signal);",
        "const write = (version: string | undefined) => ports.sweeps.write('', JSON.stringify(over), version, invocation.signal);\n  (await write(announced)) ?? (await write((await ports.sweeps.read('', invocation.signal))?.version));",
      ],
    ],
    plot: 'an upload that finds a file in the pool, two promotions, and two clean-ups of which one hangs',
    shows: 'a release that has not ended is complete',
    course: [
      { who: 'clean-up', until: /^DeleteObjects assets/ },
      { who: 'clean-up', until: /^PutObject _site.pool-sweep/ },
      { who: 'half an hour' },
      { who: 'promotions' },
      { who: 'another', until: /^DeleteObjects assets/ },
      { who: 'clean-up' },
      { who: 'upload' },
    ],
  },
  {
    without: 'the announcement that stays while a request may be carried out again',
    file: 'lambda/prune/sweep.ts',
    edits: [['if (!isSettled) {', 'if (!isSettled && batch.length === 0) {']],
    plot: 'an upload that finds a file in the pool, and a clean-up whose request is sent twice',
    shows: 'a release that has not ended is complete',
  },
  {
    without: 'the end of a request to delete after a minute',
    file: 'lambda/prune/sweep.ts',
    edits: [
      [
        'AbortSignal.any([invocation.signal, AbortSignal.timeout(REMOVAL_MS)])',
        'invocation.signal; void REMOVAL_MS',
      ],
    ],
    plot: 'an upload that finds a file in the pool, a clean-up that hangs, and another',
    shows: 'a release that has not ended is complete',
    course: [
      { who: 'clean-up', until: /^DeleteObjects assets/ },
      { who: 'half an hour' },
      { who: 'another' },
      { who: 'upload' },
    ],
  },
  {
    without: 'the look at the clock before what was announced is deleted',
    file: 'lambda/prune/sweep.ts',
    edits: [['clock.now() - since >= HELD_UP_MS', 'since < HELD_UP_MS']],
    plot: 'an upload that finds a file in the pool, a clean-up that hangs, and another',
    shows: 'a release that has not ended is complete',
    course: [
      { who: 'clean-up', until: /^PutObject _site.pool-sweep/ },
      { who: 'clean-up', until: /^GetKey live/ },
      { who: 'half an hour' },
      { who: 'another' },
      { who: 'upload' },
      // Its connection is gone by then, and it asks again.
      { who: 'clean-up', fate: 'request lost' },
    ],
  },
  {
    without: 'the order of ledger and record when a release is retired',
    file: 'lambda/prune/retire.ts',
    edits: [
      ['if (isInLedger && !(await markRetired(id, context))) return false;', 'void isInLedger;'],
      [
        "if (!(await end(id, 'retired', version, context))) return false;",
        "if (!(await end(id, 'retired', version, context))) return false;\nif (!(await markRetired(id, context))) return false;",
      ],
    ],
    plot: 'a pin and a clean-up',
    shows: 'a pinned release stays',
  },
  {
    without: 'the condition under which a page is written',
    file: 'lambda/shared/content-bucket.ts',
    edits: [["version === undefined ? { IfNoneMatch: '*' } : { IfMatch: version }", '{}']],
    plot: 'a pin and a clean-up',
    shows: 'a pinned release stays',
  },
  {
    without: 'a look at the whole page before a pin',
    file: 'lambda/shared/ledger.ts',
    edits: [
      [
        "const retired = entry.states.find(({ state }) => state === 'retired');",
        "const retired = entry.states.slice(-1).find(({ state }) => state === 'retired');",
      ],
    ],
    plot: 'a pin, a rollback to the same release, and a clean-up',
    shows: 'a pinned release stays',
    course: [
      { who: 'clean-up', until: /^PutObject _site.releases/ },
      { who: 'rollback' },
      { who: 'pin' },
    ],
  },
  {
    without: 'the condition under which a record is ended',
    file: 'lambda/prune/retire.ts',
    edits: [
      [
        'const written = await ports.records.write(id, text, version, invocation.signal);',
        'const written = await ports.records.write(id, text, (await ports.records.read(id, invocation.signal))?.version, invocation.signal);',
      ],
    ],
    plot: 'an upload that is taken for dead and a clean-up',
    shows: 'a complete release is never given up',
  },
  {
    without: 'the refusal to complete a release that was given up',
    file: 'lambda/upload/upload.ts',
    edits: [
      [
        "if (page === undefined || record === undefined || 'end' in record) {",
        'if (page === undefined) {',
      ],
    ],
    plot: 'an upload that is taken for dead and a clean-up',
    shows: 'a record only moves forward',
  },
  {
    without: 'the claim before the pointer is read',
    file: 'lambda/upload/upload.ts',
    edits: [
      [
        'const progress: Progress = { done: 0, total: 0 };',
        'const progress: Progress = { done: 0, total: 0 };\nconst early = await liveRelease(ports, signal);',
      ],
      ['await persistently(clock, signal, () => liveRelease(ports, signal))', 'early'],
    ],
    plot: 'an upload, two promotions and a clean-up',
    shows: 'a release that has not ended is complete',
    course: [{ who: 'upload', until: /^PutObject/ }, { who: 'promotions' }, { who: 'clean-up' }],
  },
  {
    without: 'the claim of an id',
    file: 'lambda/upload/upload.ts',
    edits: [
      [
        'if (version !== undefined || (await isOf(job, id, ports, clock, signal))) {',
        'if (version !== undefined || !(await isOf(job, id, ports, clock, signal))) {',
      ],
    ],
    plot: 'two uploads of the same revision in the same second',
    shows: 'whoever nobody stops gets through',
  },
  {
    without: 'the claim of a job',
    file: 'lambda/upload/upload.ts',
    edits: [['if (held === id) return { id, version };', 'return { id, version };']],
    plot: 'an upload that is delivered twice',
    shows: 'one job made more than one release',
  },
  {
    without: 'the condition under which a file is written',
    file: 'lambda/upload/ports.ts',
    edits: [["ChecksumSHA256: sha256,\n            IfNoneMatch: '*',", 'ChecksumSHA256: sha256,']],
    plot: 'two uploads with other bytes under the same name in the pool',
    shows: 'a release that has not ended is complete',
  },
  {
    without: 'the comparison of what stands under a name that is taken',
    file: 'lambda/upload/ports.ts',
    edits: [
      [
        "if (ChecksumSHA256 !== sha256) return 'other';",
        "if (ChecksumSHA256 !== sha256) return 'same';",
      ],
    ],
    plot: 'two uploads with other bytes under the same name in the pool',
    shows: 'a release that has not ended is complete',
  },
  {
    without: 'the order of version and reading in a flip',
    file: 'lambda/shared/store.ts',
    edits: [
      ['version = await store.version(signal);\n      const { changes', 'const { changes'],
      ['writing = true;', 'version = await store.version(signal);\n      writing = true;'],
    ],
    plot: 'two promotions',
    shows: 'the live history is one line',
  },
  {
    without: 'the version under which the store is written',
    file: 'lambda/shared/store.ts',
    edits: [
      [
        'await store.put(changes, version, signal);',
        'await store.put(changes, await store.version(signal), signal);',
      ],
    ],
    plot: 'two promotions',
    shows: 'the live history is one line',
  },
  {
    without: 'a look at the record in each try of a flip',
    file: 'lambda/shared/pointer.ts',
    edits: [
      [
        'let older: string | undefined;',
        'let older: string | undefined;\n  let known: Pointer | undefined;',
      ],
      [
        'const target = await pointerOf(time.signal);',
        'known ??= await pointerOf(time.signal);\n    const target = known;',
      ],
    ],
    plot: 'a rollback to an outdated release and a clean-up',
    shows: 'the live release is complete',
  },
  {
    without: 'the refusal to make a retired release live',
    file: 'lambda/promote/promote.ts',
    edits: [
      [
        'if (!isManifest(record)) {\n    const { state, at, by } = record.end;',
        "if (!isManifest(record)) {\n    return { version: 2, id, revision: '', createdAt: '', pointer: { id, base: id, delta: '' }, files: [], gone: [] };\n    const { state, at, by } = record.end;",
      ],
    ],
    plot: 'a rollback to an outdated release and a clean-up',
    shows: 'the live release is complete',
  },
  {
    without: 'the memory of the release before',
    file: 'lambda/shared/pointer.ts',
    edits: [['if (live !== undefined) changes.set(PREVIOUS_KEY, live);', '']],
    plot: 'two promotions',
    shows: 'the live history is one line',
  },
  {
    without: 'the freeze',
    file: 'lambda/shared/pointer.ts',
    edits: [['evenFrozen ? undefined : await get(FROZEN_KEY)', 'undefined as string | undefined']],
    plot: 'a freeze and a promotion',
    shows: 'nothing goes live while publishing is frozen',
  },
  {
    without: 'the freeze in the write that goes back',
    file: 'lambda/shared/pointer.ts',
    edits: [
      ['freeze ? [[FROZEN_KEY, freezeText(freeze)]] : []', '[]; void freezeText; void freeze'],
    ],
    plot: 'a rollback that freezes and a promotion',
    shows: 'nothing goes live while publishing is frozen',
  },
  {
    without: 'the look at the record before a release is taken back to',
    file: 'lambda/shared/pointer.ts',
    edits: [["if (await isOver(to, time.signal)) return { result: { kind: 'gone', to } };", '']],
    plot: 'a rollback to an outdated release, then a promotion that is taken back, and a clean-up',
    shows: 'the live release is complete',
    course: [
      { who: 'operator', until: /^UpdateKeys/ },
      { who: 'clean-up', until: /^UpdateKeys/ },
      { who: 'operator', until: /^PutObject _site.404/ },
      { who: 'operator', until: /^GetKey previous/ },
      { who: 'operator', until: /^UpdateKeys/ },
      { who: 'operator', until: /^DescribeKeyValueStore/ },
      { who: 'clean-up' },
    ],
  },
  {
    without: 'the look whether a release is still live before it is taken back',
    file: 'lambda/shared/pointer.ts',
    edits: [['if (liveId !== id) {', 'if (liveId === undefined) {']],
    plot: 'two promotions, one after the other, and one that is taken back',
    shows: 'a job takes back only what it did itself',
    course: [
      { who: 'failing', until: /^UpdateKeys/ },
      { who: 'failing', until: /^PutObject/ },
      { who: 'failing', until: /^DescribeKeyValueStore/ },
      { who: 'promotions' },
    ],
  },
  {
    without: 'the rule that a job takes back only what it did itself',
    file: 'lambda/promote/promote.ts',
    edits: [['if (!changed) {', 'if (!changed && id === undefined) {']],
    plot: 'two promotions of the same release, of which one fails',
    shows: 'a job takes back only what it did itself',
  },
];

const root = new URL('../../../', import.meta.url);
const require = createRequire(import.meta.url);

/**
 * The same code as `cores.ts`, bundled with the mutant's edits.
 *
 * @throws Error if the file no longer has what the mutant edits.
 */
export async function mutated({ without, file, edits }: Mutant): Promise<Cores> {
  const path = fileURLToPath(new URL(file, root));
  let contents = readFileSync(path, 'utf8');
  for (const [text, instead] of edits) {
    const found = contents.split(text).length - 1;
    if (found !== 1) throw new Error(`${without}: ${file} has "${text}" ${found} times`);
    contents = contents.replace(text, () => instead);
  }
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('cores.ts', import.meta.url))],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    // The clients come from outside, and their commands have to be of the same copy.
    external: ['@aws-sdk/*'],
    logLevel: 'error',
    plugins: [
      {
        name: 'mutant',
        setup: ({ onLoad }) => {
          onLoad({ filter: /\.ts$/ }, (args) =>
            args.path === path ? { contents, loader: 'ts' } : undefined,
          );
        },
      },
    ],
  });
  const module = { exports: {} };
  const code = outputFiles[0]?.text ?? '';
  new Function('require', 'module', 'exports', code)(require, module, module.exports);
  return module.exports as Cores;
}
