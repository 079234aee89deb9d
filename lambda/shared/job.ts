import * as v from 'valibot';
import { Failure, type FailureType } from './failure.ts';

/** One request of CodePipeline to do an action's work, or to go on with it. */
export interface Job {
  /** A new one for every continuation. */
  readonly id: string;
  /** As written in the action, with its variables resolved; nothing if the action has none. */
  readonly userParameters: string | undefined;
  readonly inputArtifacts: readonly Artifact[];
  /** Read the artifacts and nothing else: they belong to the pipeline's role. */
  readonly artifactCredentials: ArtifactCredentials | undefined;
  /** What the previous invocation left for this one. */
  readonly continuationToken: string | undefined;
}

/** A zip in S3. */
export interface Artifact {
  readonly name: string;
  readonly bucket: string;
  readonly key: string;
}

export interface ArtifactCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** How one invocation ends. */
export type Outcome = Succeeded | Continued | Failed;

export interface Succeeded {
  readonly kind: 'succeeded';
  /** One sentence for the operator. */
  readonly summary: string;
  readonly outputVariables?: Readonly<Record<string, string>>;
  readonly externalExecutionId?: string;
}

/** CodePipeline calls again after about half a minute, with the token and a new job id. */
export interface Continued {
  readonly kind: 'continued';
  readonly token: string;
  readonly summary: string;
  /** 0 to 100. */
  readonly percentComplete?: number;
  readonly externalExecutionId?: string;
}

export interface Failed {
  readonly kind: 'failed';
  readonly type: FailureType;
  readonly message: string;
  readonly externalExecutionId?: string;
}

const optionalText = v.nullish(v.string());

const jobSchema = v.object({
  data: v.object({
    actionConfiguration: v.nullish(
      v.object({ configuration: v.nullish(v.object({ UserParameters: optionalText })) }),
    ),
    inputArtifacts: v.nullish(
      v.array(
        v.object({
          name: v.string(),
          location: v.object({
            s3Location: v.object({ bucketName: v.string(), objectKey: v.string() }),
          }),
        }),
      ),
    ),
    artifactCredentials: v.nullish(
      v.object({
        accessKeyId: v.string(),
        secretAccessKey: v.string(),
        sessionToken: v.string(),
      }),
    ),
    continuationToken: optionalText,
  }),
});

/** The pattern of the API: with any other id nothing could be reported. */
const JOB_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * The id to report to.
 *
 * @throws Error if the event has none. Never quotes the event: it holds live credentials.
 */
export function jobIdOf(event: unknown): string {
  const id = (event as { 'CodePipeline.job'?: { id?: unknown } } | null)?.['CodePipeline.job']?.id;
  if (typeof id !== 'string' || !JOB_ID.test(id)) {
    throw new Error(
      'event: no CodePipeline.job with an id; invoke this function from an AWS CodePipeline Lambda action',
    );
  }
  return id;
}

/**
 * The event in our own words.
 *
 * @throws Failure (ConfigurationError) naming the places, never the values, that are not as
 * CodePipeline documents them: any of them may be a credential.
 */
export function readJob(event: unknown): Job {
  const id = jobIdOf(event);
  const read = v.safeParse(jobSchema, (event as Record<string, unknown>)['CodePipeline.job']);
  if (!read.success) {
    const places = read.issues.map((issue) => v.getDotPath(issue) ?? 'CodePipeline.job');
    throw new Failure(
      'ConfigurationError',
      `The job is not what CodePipeline documents; missing or of another type: ${places.join(', ')}.`,
    );
  }
  const { data } = read.output;
  return {
    id,
    userParameters: data.actionConfiguration?.configuration?.UserParameters ?? undefined,
    inputArtifacts: (data.inputArtifacts ?? []).map(({ name, location: { s3Location } }) => ({
      name,
      bucket: s3Location.bucketName,
      key: s3Location.objectKey,
    })),
    artifactCredentials: data.artifactCredentials ?? undefined,
    continuationToken: data.continuationToken ?? undefined,
  };
}
