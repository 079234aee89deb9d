import { App, Stack } from 'aws-cdk-lib';
import { CachePolicy, Distribution, ViewerProtocolPolicy } from 'aws-cdk-lib/aws-cloudfront';
import { S3BucketOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import { BlockPublicAccess, Bucket } from 'aws-cdk-lib/aws-s3';

/** Synthesises what the recipe needs and no more: a private bucket and a distribution in front of it. */
export function synthesizeRecipe(outdir: string): void {
  const app = new App({ outdir });
  const stack = new Stack(app, 'recipe', { env: { region: 'us-east-1' } });
  const bucket = new Bucket(stack, 'Site', { blockPublicAccess: BlockPublicAccess.BLOCK_ALL });
  new Distribution(stack, 'Distribution', {
    defaultRootObject: 'index.html',
    defaultBehavior: {
      origin: S3BucketOrigin.withOriginAccessControl(bucket),
      viewerProtocolPolicy: ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
      cachePolicy: CachePolicy.CACHING_OPTIMIZED,
    },
  });
  app.synth();
}
