import { randomUUID } from 'node:crypto';
import { invalidate } from '../../lambda/invalidate/invalidate.ts';
import { invalidationPorts } from '../../lambda/invalidate/ports.ts';
import { promotePorts } from '../../lambda/promote/ports.ts';
import { follow, goLive, Journal } from '../../lambda/promote/promote.ts';
import { Failure } from '../../lambda/shared/failure.ts';
import type { Outcome } from '../../lambda/shared/job.ts';
import type { FlipOptions, Frozen } from '../../lambda/shared/pointer.ts';
import { SITE_PREFIX } from '../../lib/release/contract.ts';
import { Refused } from './errors.ts';
import { type FirstPage, FirstPageWatch } from './first-page.ts';
import { invocationOf, type Operator } from './operator.ts';

export interface Published {
  readonly kind: 'published';
  readonly id: string;
  /** Not if it was live already. */
  readonly changed: boolean;
  /** The release that was live before; nothing if there was none. */
  readonly previous: string | undefined;
  readonly movedAt: string | undefined;
  readonly firstPage: FirstPage | undefined;
  /** What the promotion and the invalidation say about themselves. */
  readonly summaries: readonly string[];
}

/**
 * Makes a release live as the pipeline does, by the same code: one write to the store, a watch on the site that
 * takes a release back which does not come up, the error page, its invalidation.
 *
 * @throws Failure or Refused that says what visitors get
 */
export async function publish(
  id: string,
  options: FlipOptions,
  operator: Operator,
): Promise<Published | Frozen> {
  const { connection, config, clock, say } = operator;
  const firstPage = new FirstPageWatch(id, operator);
  const { path: healthPath, deadlineSeconds } = config.health;
  const ports = promotePorts(connection.s3, connection.bucket, firstPage.over(connection.pointer), {
    site: connection.site,
    healthPath,
    deadlineMs: deadlineSeconds * 1_000,
  });
  const invocation = invocationOf(operator);
  const journal = new Journal(connection.by, ports, clock, invocation, { again: true });
  try {
    const begun = await goLive(id, ports, journal, clock, invocation, options).catch((error) => {
      throw operator.signal.aborted ? notSure(id, firstPage.hasBegun) : error;
    });
    if (begun.kind === 'frozen') return begun;
    const { token } = begun;
    const promoted = await untilDone(
      () => follow(token, ports, journal, clock, invocation),
      `Release ${id} is live, and nobody watches any more whether the site answers with it. Run "npm run releases -- promote ${id}" to watch it and to bring its error page.`,
      operator,
    );
    say('The error page is brought; clearing the cached copies of the one before …');
    const cleared = await clearErrorPage(id, operator);
    await firstPage.stop();
    return {
      kind: 'published',
      id,
      changed: token.changed,
      previous: token.previousId,
      movedAt: firstPage.movedAt,
      firstPage: await firstPage.seen(),
      summaries: [promoted, cleared],
    };
  } catch (error) {
    const frozen = firstPage.hasFrozen
      ? ' Publishing is frozen: "npm run releases -- unfreeze" ends that.'
      : '';
    if (error instanceof Refused) throw new Refused(`${error.message}${frozen}`);
    if (!(error instanceof Failure)) throw error;
    const { type, message, cause } = error;
    // Written for the pipeline, whose stages can be retried.
    const again = message.replaceAll('Retry the stage', `Run "npm run releases -- promote ${id}"`);
    throw new Failure(type, `${again}${frozen}`, { cause });
  } finally {
    await firstPage.stop();
  }
}

const notSure = (id: string, hasBegun: boolean): Refused =>
  new Refused(
    hasBegun
      ? `Interrupted. Whether release ${id} was made live, "npm run releases -- list" shows.`
      : `Interrupted; release ${id} was not made live.`,
  );

/** What the pipeline's Invalidate stage does, and asks for. */
async function clearErrorPage(id: string, operator: Operator): Promise<string> {
  const { connection, clock } = operator;
  const ports = invalidationPorts(await connection.cloudFront());
  const userParameters = JSON.stringify({
    distributionId: connection.distributionId,
    objectPaths: [`/${SITE_PREFIX}*`],
  });
  const job = {
    id: randomUUID(),
    userParameters,
    inputArtifacts: [],
    artifactCredentials: undefined,
  };
  let continuationToken: string | undefined;
  return untilDone(
    async () => {
      const outcome = await invalidate(
        { ...job, continuationToken },
        ports,
        clock,
        invocationOf(operator),
      );
      if (outcome.kind === 'continued') continuationToken = outcome.token;
      return outcome;
    },
    `Release ${id} is live with its error page, whose cached copies may be those of the one before for up to a minute.`,
    operator,
  );
}

/** Its summary. The functions' work comes in shares: CodePipeline asks for the next one, or we do. */
async function untilDone(
  share: () => Promise<Outcome>,
  interrupted: string,
  { signal, say }: Operator,
): Promise<string> {
  for (;;) {
    const outcome = await share();
    if (outcome.kind === 'succeeded') return outcome.summary;
    if (outcome.kind === 'failed') throw new Refused(outcome.message);
    if (signal.aborted) throw new Refused(`Interrupted. ${interrupted}`);
    say(outcome.summary);
  }
}
