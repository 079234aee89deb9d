import {
  ERROR_PAGE_PATH,
  type Manifest,
  type ManifestFile,
  RELEASE_ID,
} from '../../lib/release/contract.ts';
import type { Clock } from '../shared/clock.ts';
import { classify, Failure, failureFrom, sentenceOf } from '../shared/failure.ts';
import type { Job, Outcome } from '../shared/job.ts';
import {
  ParameterProblems,
  readParameters,
  resolveIt,
  unresolvedVariable,
} from '../shared/parameters.ts';
import { type Flip, flip, type PointerStore } from '../shared/pointer.ts';
import type { Invocation } from '../shared/run-job.ts';

/** The content bucket and the pointer, in this function's own words. */
export interface PromotePorts {
  readonly pointer: PointerStore;
  /** Nothing if there is no such release; rejects if its manifest cannot be read. */
  manifest(id: string, signal: AbortSignal): Promise<Manifest | undefined>;
  /** Makes that file of a release the error page, or the built-in page if the release has none. */
  putErrorPage(file: ManifestFile | undefined, signal: AbortSignal): Promise<void>;
}

/** True at every moment of a promotion. */
export const VISITORS =
  'Open /.well-known/release on the site to see which release visitors get now.';

const UNCHANGED = 'Visitors still get the release that was live before.';

/**
 * Makes the release that the job names the live one: the pointer first, then the error page. Doing
 * it again, by a redelivered event or a retry of the stage, ends in the same state.
 *
 * @throws Failure that says which of the two happened.
 */
export async function promote(
  job: Job,
  ports: PromotePorts,
  clock: Clock,
  { endAt, signal, log }: Invocation,
): Promise<Outcome> {
  const id = readPromoteParameters(job.userParameters);
  const errorPage = errorPageOf(await publishable(id, ports, signal));

  let flipped: Flip;
  try {
    // The release is complete under its own prefix, so it is its own base and nothing differs from it.
    const target = { id, base: id, delta: '' };
    flipped = await flip(target, ports.pointer, { clock, endAt, signal });
  } catch (error) {
    // The write may have been made although its answer was lost.
    throw failureFrom(error, `Release ${id} was not made live`, VISITORS);
  }
  log('info', 'pointer', { releaseId: id, ...flipped });

  const { changed, previousId } = flipped;
  try {
    await ports.putErrorPage(errorPage, signal);
  } catch (error) {
    throw new Failure(
      classify(error),
      `Release ${id} is live and visitors get it; only the page for missing addresses is still the one from before: ${sentenceOf(error)} Retry the stage to bring it up to date.`,
      { cause: error, externalExecutionId: id },
    );
  }

  const was = previousId === undefined ? 'It is the first release' : `Before it was ${previousId}`;
  return {
    kind: 'succeeded',
    summary: `Release ${id} ${changed ? 'is live: visitors get it within seconds' : 'was live already'}. ${was}.`,
    externalExecutionId: id,
    // A variable that is not set would fail whatever action names it.
    outputVariables: { releaseId: id, previousReleaseId: previousId ?? 'none' },
  };
}

/** @throws Failure (ConfigurationError) that names everything wrong at once. */
export function readPromoteParameters(text: string | undefined): string {
  const problems = new ParameterProblems('{"releaseId": "#{Upload.releaseId}"}', UNCHANGED);
  const { releaseId } = readParameters(text, ['releaseId'], problems);
  const variable = typeof releaseId === 'string' && unresolvedVariable(releaseId);
  if (variable) {
    problems.add('releaseId', releaseId, resolveIt(variable));
  } else if (typeof releaseId !== 'string' || !RELEASE_ID.test(releaseId)) {
    problems.add(
      'releaseId',
      releaseId,
      'write the id of a release, such as "20261123T061500Z-1a2b3c4"',
    );
  }
  problems.throwIfAny();
  return releaseId as string;
}

/** The manifest of a release that exists and has a start page. */
async function publishable(id: string, ports: PromotePorts, signal: AbortSignal) {
  let manifest: Manifest | undefined;
  try {
    manifest = await ports.manifest(id, signal);
  } catch (error) {
    throw failureFrom(error, `The manifest of release ${id} cannot be read`, UNCHANGED);
  }
  if (manifest === undefined) {
    throw new Failure(
      'ConfigurationError',
      `Release ${id} does not exist: it has no manifest, so its upload did not finish. ${UNCHANGED}`,
    );
  }
  if (!manifest.files.some(({ path }) => path === 'index.html')) {
    throw new Failure(
      'JobFailed',
      `Release ${id} has no index.html, so visitors would find no start page. ${UNCHANGED}`,
    );
  }
  return manifest;
}

const errorPageOf = ({ files }: Manifest): ManifestFile | undefined =>
  files.find(({ path }) => path === ERROR_PAGE_PATH);
