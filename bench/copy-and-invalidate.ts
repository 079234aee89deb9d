/*
 * The recipe that Push is compared with: every file into the bucket, ten at a time as the AWS CLI does, then an invalidation of
 * everything, and waiting for it. A process of its own, bundled as the handlers are. Prints when it was how far.
 */
import { readFileSync } from 'node:fs';
import {
  CloudFrontClient,
  CreateInvalidationCommand,
  GetInvalidationCommand,
} from '@aws-sdk/client-cloudfront';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import pMap from 'p-map';

/** What the process reads from its standard input. */
export interface Recipe {
  readonly bucket: string;
  readonly distributionId: string;
  /** Where it copies to. */
  readonly prefix: string;
  readonly files: readonly {
    readonly path: string;
    readonly file: string;
    readonly type: string;
  }[];
  /** Those of the one that may invalidate. */
  readonly invalidating: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken: string;
  };
}

/** What it prints, in milliseconds since the epoch. */
export interface Copied {
  readonly copied: number;
  readonly invalidated: number;
}

const AT_ONCE = 10;
/** Far more often than anybody would ask AWS, so that what is compared is not the waiting. */
const ASK_EVERY_MS = 50;

async function run(): Promise<Copied> {
  const recipe: Recipe = JSON.parse(readFileSync(0, 'utf8'));
  const s3 = new S3Client({});
  await pMap(
    recipe.files,
    ({ path, file, type }) =>
      s3.send(
        new PutObjectCommand({
          Bucket: recipe.bucket,
          Key: recipe.prefix + path,
          Body: readFileSync(file),
          ContentType: type,
          CacheControl: 'public, max-age=0, must-revalidate',
        }),
      ),
    { concurrency: AT_ONCE },
  );
  const copied = Date.now();
  const cloudFront = new CloudFrontClient({ credentials: recipe.invalidating });
  const DistributionId = recipe.distributionId;
  const { Invalidation } = await cloudFront.send(
    new CreateInvalidationCommand({
      DistributionId,
      InvalidationBatch: {
        CallerReference: recipe.prefix,
        Paths: { Quantity: 1, Items: ['/*'] },
      },
    }),
  );
  let status = Invalidation?.Status;
  while (status !== 'Completed') {
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
    const answer = await cloudFront.send(
      new GetInvalidationCommand({ DistributionId, Id: Invalidation?.Id }),
    );
    status = answer.Invalidation?.Status;
  }
  return { copied, invalidated: Date.now() };
}

run().then(
  (copied) => process.stdout.write(JSON.stringify(copied)),
  (error) => {
    process.stderr.write(`${error}\n`);
    process.exitCode = 1;
  },
);
