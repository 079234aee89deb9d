import { Annotations, Duration } from 'aws-cdk-lib';
import {
  AccessLevel,
  AllowedMethods,
  type BehaviorOptions,
  CachePolicy,
  Distribution,
  FunctionEventType,
  HttpVersion,
  ViewerProtocolPolicy,
} from 'aws-cdk-lib/aws-cloudfront';
import { S3BucketOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';
import type { ResolvedConfig } from '../config.ts';
import { ERROR_PAGE_KEY, START_PAGE_KEY } from '../release/contract.ts';
import type { Content } from './content.ts';
import type { Domain } from './domain.ts';
import { Headers } from './headers.ts';
import type { Router } from './router.ts';
import type { StoredHeaders } from './stored-headers.ts';

export interface DeliveryProps {
  readonly config: ResolvedConfig;
  readonly content: Content;
  readonly router: Router;
  readonly domain: Domain | undefined;
  /** @default answers have no headers of their own */
  readonly storedHeaders?: StoredHeaders;
}

/** The CloudFront distribution: pages through the router, the pool and the error page straight from the bucket. */
export class Delivery extends Construct {
  readonly distribution: Distribution;

  constructor(
    scope: Construct,
    id: string,
    { config, content, router, domain, storedHeaders }: DeliveryProps,
  ) {
    super(scope, id);
    const headers = new Headers(this, 'Headers', { config });

    const shared: BehaviorOptions = {
      origin: S3BucketOrigin.withOriginAccessControl(content.bucket, {
        // LIST is what makes S3 answer 404 instead of 403 for a missing object. No listing gets
        // out: no behavior forwards a query string, and the default root object covers `/`.
        originAccessLevels: [AccessLevel.READ, AccessLevel.LIST],
      }),
      viewerProtocolPolicy: ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
      allowedMethods: AllowedMethods.ALLOW_GET_HEAD,
      // The managed policy with both gzip and Brotli in its cache key, without which `compress` does
      // nothing. Objects say themselves that they may stay for a year.
      cachePolicy: CachePolicy.CACHING_OPTIMIZED,
      compress: true,
    };
    const viewerResponse = storedHeaders
      ? [
          {
            function: storedHeaders.viewerResponse,
            eventType: FunctionEventType.VIEWER_RESPONSE,
          },
        ]
      : [];
    const poolFunctions = [...(domain?.pool?.functionAssociations ?? []), ...viewerResponse];
    const pool: BehaviorOptions = {
      ...shared,
      ...(poolFunctions.length > 0 && { functionAssociations: poolFunctions }),
      responseHeadersPolicy: headers.pool,
    };
    const pages: BehaviorOptions = { ...shared, responseHeadersPolicy: headers.pages };

    this.distribution = new Distribution(this, 'Distribution', {
      comment: config.name,
      ...domain?.names,
      httpVersion: HttpVersion.HTTP2_AND_3,
      enableIpv6: true,
      defaultRootObject: config.urls.style === 'any' ? 'index.html' : START_PAGE_KEY,
      defaultBehavior: {
        ...pages,
        functionAssociations: [
          { function: router.viewerRequest, eventType: FunctionEventType.VIEWER_REQUEST },
          ...viewerResponse,
        ],
      },
      additionalBehaviors: {
        // No router here: CloudFront fetches error pages by their key, and whether it would run a
        // function for that is documented nowhere. The exact key, so the manifests beside it stay private.
        [`/${ERROR_PAGE_KEY}`]: pages,
        ...Object.fromEntries(config.immutable.map((pattern) => [`/${pattern}`, pool])),
      },
      // 400 is how S3 answers an address that cannot be a key, such as a very long one: no page either.
      // Errors of 500 and above keep CloudFront's own ten seconds, long enough to spare a struggling origin.
      errorResponses: [400, 404].map((httpStatus) => ({
        httpStatus,
        responseHttpStatus: 404,
        responsePagePath: `/${ERROR_PAGE_KEY}`,
        // A miss inside a release is a miss for ever, but a pool file that somebody asks for before its
        // release is uploaded must not stay missing, and a cached miss keeps the old error page.
        ttl: Duration.seconds(10),
      })),
    });

    Annotations.of(this).acknowledgeWarning(
      '@aws-cdk/aws-cloudfront-origins:listBucketSecurityRisk',
      'The default root object is set and no behavior forwards a query string.',
    );
    acknowledge(this.distribution, {
      'AwsSolutions-CFR1':
        'A public site has no reason to refuse a country; a fork that has one adds it here.',
      'AwsSolutions-CFR2':
        'Static files behind GET and HEAD: a web ACL costs more a month than the site does.',
      'AwsSolutions-CFR3': config.accessLogs
        ? 'They are delivered by standard logging v2 (access-logs.ts), which the rule does not know.'
        : 'Access logs are a choice with a price and personal data in them, not a default.',
    });
    if (domain === undefined) {
      acknowledge(this.distribution, {
        'AwsSolutions-CFR4':
          'TLS settings belong to the certificate, and this is the default *.cloudfront.net one.',
      });
    }
  }
}
