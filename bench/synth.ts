import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { synthesize } from '../local/synth.ts';
import type { BenchContext } from './context.ts';
import { inTurn } from './processes.ts';
import { spreadOf } from './statistics.ts';
import { cellsOf, type Section, seconds, times } from './table.ts';

const RUNS = 3;
const CHECKOUT = fileURLToPath(new URL('..', import.meta.url));

/** The least that a site on CloudFront needs. */
const MINIMAL_APP = `
import { App, Stack } from 'aws-cdk-lib';
import { Distribution } from 'aws-cdk-lib/aws-cloudfront';
import { S3BucketOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import { Bucket } from 'aws-cdk-lib/aws-s3';

const stack = new Stack(new App(), 'minimal');
const origin = S3BucketOrigin.withOriginAccessControl(new Bucket(stack, 'Bucket'));
new Distribution(stack, 'Distribution', { defaultBehavior: { origin } });
`;

/** `cdk synth` of this checkout next to that of an app of one bucket and one distribution: whole processes, from nothing. */
export async function measureSynth({
  scratch,
  runs = RUNS,
  signal,
  progress,
}: BenchContext): Promise<Section> {
  progress(`Synthesising ${runs} times`);
  const minimal = await minimalApp(join(scratch, 'minimal'));
  const synthesizing = (directory: string) => async () => {
    const output = join(scratch, 'synth.out');
    // What an earlier run has bundled would not be bundled again.
    await rm(output, { recursive: true, force: true });
    const began = performance.now();
    await synthesize(output, signal, directory);
    return performance.now() - began;
  };
  const measured = await inTurn(runs, {
    ours: synthesizing(CHECKOUT),
    minimal: synthesizing(minimal),
  });
  const [ours, theirs] = [spreadOf(measured.ours), spreadOf(measured.minimal)];
  return {
    heading: [`cdk synth, from nothing, ${runs} runs`, 'median', 'middle half'],
    rows: [
      [
        'this stack',
        ...cellsOf(ours, seconds),
        `${times(ours.median / theirs.median)} of the minimal app`,
      ],
      ['a bucket and a distribution', ...cellsOf(theirs, seconds)],
    ],
    notes: [
      'both with the same command line, library, flags and TypeScript loader, each process new; ours bundles its functions meanwhile',
    ],
    ratios: [
      {
        of: 'cdk synth',
        to: 'a bucket and a distribution',
        ours: ours.median,
        theirs: theirs.median,
        format: seconds,
      },
    ],
  };
}

async function minimalApp(directory: string): Promise<string> {
  await mkdir(directory);
  const cdkJson = JSON.parse(await readFile(join(CHECKOUT, 'cdk.json'), 'utf8'));
  await writeFile(join(directory, 'cdk.json'), JSON.stringify({ ...cdkJson, app: 'tsx app.ts' }));
  await writeFile(join(directory, 'package.json'), '{"type":"module"}');
  await writeFile(join(directory, 'app.ts'), MINIMAL_APP);
  await symlink(join(CHECKOUT, 'node_modules'), join(directory, 'node_modules'));
  return directory;
}
