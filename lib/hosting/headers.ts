import { Duration } from 'aws-cdk-lib';
import {
  HeadersFrameOption,
  HeadersReferrerPolicy,
  ResponseHeadersPolicy,
} from 'aws-cdk-lib/aws-cloudfront';
import { Construct } from 'constructs';
import type { ResolvedConfig } from '../config.ts';

export interface HeadersProps {
  readonly config: ResolvedConfig;
}

/** What CloudFront adds to its answers on the way to the browser. */
export class Headers extends Construct {
  /** For pages: the security headers, and a Cache-Control that makes browsers ask every time. */
  readonly pages: ResponseHeadersPolicy;
  /** For the pool: AWS's own security headers; the stored Cache-Control passes through. */
  readonly pool = ResponseHeadersPolicy.SECURITY_HEADERS;

  constructor(scope: Construct, id: string, { config }: HeadersProps) {
    super(scope, id);
    this.pages = new ResponseHeadersPolicy(this, 'Pages', {
      comment: `${config.name}: pages`,
      securityHeadersBehavior: {
        contentSecurityPolicy: {
          contentSecurityPolicy: config.contentSecurityPolicy,
          override: true,
        },
        contentTypeOptions: { override: true },
        frameOptions: { frameOption: HeadersFrameOption.SAMEORIGIN, override: true },
        referrerPolicy: {
          referrerPolicy: HeadersReferrerPolicy.STRICT_ORIGIN_WHEN_CROSS_ORIGIN,
          override: true,
        },
        strictTransportSecurity: {
          accessControlMaxAge: Duration.days(365),
          // Not for sub-domains: they may belong to others in the owner's organisation.
          includeSubdomains: false,
          override: true,
        },
      },
      customHeadersBehavior: {
        customHeaders: [
          {
            // Objects are stored as cacheable for ever, which is true of their key and keeps them at
            // the edge; the page's address leads to another key after the next release, so
            // a browser has to ask. The answer is mostly a 304 from the edge.
            header: 'Cache-Control',
            value: 'public, max-age=0, must-revalidate',
            override: true,
          },
        ],
      },
    });
  }
}
