import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CloudFrontClient,
  CreateInvalidationCommand,
  waitUntilInvalidationCompleted,
} from '@aws-sdk/client-cloudfront';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import mime from 'mime';
import pMap from 'p-map';
import { Assembly } from '../../local/assembly/assembly.ts';
import { LocalCloudFrontApi } from '../../local/aws/cloudfront-api.ts';
import { LocalS3 } from '../../local/aws/s3.ts';
import { Edge } from '../../local/edge/edge.ts';
import { edgeResources } from '../../local/edge/edge-resources.ts';
import { Credentials } from '../../local/iam/credentials.ts';
import { aDirectory } from '../../test/support/local-stack.ts';
import { synthesizeRecipe } from './recipe-stack.ts';
import type { Way } from './way.ts';

/** `max_concurrent_requests` of the AWS CLI, where nobody has set another ("AWS CLI S3 Configuration"). */
const CONCURRENT_REQUESTS = 10;

const ACCESS_KEY = 'RECIPE';

export interface RecipeOptions {
  /** How long S3 takes to store an object, in milliseconds, half as much more or less each time. */
  readonly putLatency: number;
  /** How long an invalidation takes, in milliseconds. */
  readonly invalidation: number;
}

/**
 * The well-known recipe: copy the site over the one that is live, then invalidate all of it. Its bucket and distribution
 * are played by the same parts as ours.
 */
export async function recipe({ putLatency, invalidation }: RecipeOptions): Promise<Way> {
  const directory = await aDirectory('recipe');
  synthesizeRecipe(directory);
  const assembly = new Assembly(directory);
  const { s3, edge, cloudFront } = partsOf(
    assembly,
    await aDirectory('recipe-state'),
    invalidation,
  );
  const bucket = assembly.theOnly('AWS::S3::Bucket').ref;
  const distributionId = assembly.theOnly('AWS::CloudFront::Distribution').ref;

  const credentials = { accessKeyId: ACCESS_KEY, secretAccessKey: 'local' };
  const shared = { region: assembly.environment.region, credentials };
  const s3Client = new S3Client({ ...shared, endpoint: await s3.listen() });
  const cloudFrontClient = new CloudFrontClient({ ...shared, endpoint: await cloudFront.listen() });
  const { port } = await edge.listen(0);

  return {
    siteUrl: `http://127.0.0.1:${port}`,
    async publish(files) {
      // In the order of their names, as `aws s3 sync` finds them. A fresh build has new times, so it copies all.
      const names = [...files.keys()].sort();
      const put = async (Key: string): Promise<void> => {
        await sleep(putLatency * (0.5 + Math.random()));
        const Body = files.get(Key);
        const ContentType = mime.getType(Key) ?? 'application/octet-stream';
        await s3Client.send(new PutObjectCommand({ Bucket: bucket, Key, Body, ContentType }));
      };
      await pMap(names, put, { concurrency: CONCURRENT_REQUESTS });
      const created = await cloudFrontClient.send(
        new CreateInvalidationCommand({
          DistributionId: distributionId,
          InvalidationBatch: {
            CallerReference: randomUUID(),
            Paths: { Quantity: 1, Items: ['/*'] },
          },
        }),
      );
      await waitUntilInvalidationCompleted(
        { client: cloudFrontClient, maxWaitTime: 600, minDelay: 1, maxDelay: 1 },
        { DistributionId: distributionId, Id: created.Invalidation?.Id },
      );
    },
    async stop() {
      s3Client.destroy();
      cloudFrontClient.destroy();
      await edge.close();
      await cloudFront.close();
      await s3.close();
    },
  };
}

function partsOf(assembly: Assembly, stateDir: string, completionDelayMs: number) {
  const credentials = new Credentials();
  credentials.register(ACCESS_KEY, 'whoever publishes');
  const bucket = assembly.theOnly('AWS::S3::Bucket');
  const policy = assembly.theOnly('AWS::S3::BucketPolicy').properties;
  const { ref: id } = assembly.theOnly('AWS::CloudFront::Distribution');
  const arn = `arn:aws:cloudfront::${assembly.environment.accountId}:distribution/${id}`;
  const s3 = new LocalS3({
    credentials,
    stateDir,
    region: assembly.environment.region,
    buckets: [{ name: bucket.ref, logicalId: bucket.logicalId, properties: bucket.properties }],
    policies: [{ bucket: policy.Bucket, policyDocument: policy.PolicyDocument }],
  });
  const edge = new Edge({
    ...edgeResources(assembly),
    keyValueStores: new Map(),
    origin: s3.originReader(arn),
  });
  const cloudFront = new LocalCloudFrontApi({
    credentials,
    stateDir: join(stateDir, 'cloudfront'),
    distributions: [{ id, arn }],
    onInvalidate: (_, paths) => edge.invalidate(paths),
    completionDelayMs,
  });
  return { s3, edge, cloudFront };
}
