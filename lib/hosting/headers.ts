import { Duration } from 'aws-cdk-lib';
import {
  HeadersFrameOption,
  type HeadersReferrerPolicy,
  type IResponseHeadersPolicy,
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
  /** For the pool; the stored Cache-Control passes through. */
  readonly pool: IResponseHeadersPolicy;

  constructor(scope: Construct, id: string, { config }: HeadersProps) {
    super(scope, id);
    const { headers } = config;
    const { days, includeSubdomains, preload } = headers.strictTransportSecurity;
    const strictTransportSecurity = {
      accessControlMaxAge: Duration.days(days),
      includeSubdomains,
      // Left out, not false: a template that never had it stays as it is.
      ...(preload && { preload }),
      override: true,
    };
    const contentTypeOptions = { override: true };
    const everywhere = customHeaders({
      ...(headers.robots === 'noindex' && { 'X-Robots-Tag': 'noindex, nofollow' }),
      ...headers.custom,
    });

    this.pages = new ResponseHeadersPolicy(this, 'Pages', {
      comment: `${config.name}: pages`,
      securityHeadersBehavior: {
        contentSecurityPolicy: {
          contentSecurityPolicy: headers.contentSecurityPolicy,
          override: true,
        },
        contentTypeOptions,
        ...(headers.frameOptions !== 'off' && {
          frameOptions: {
            frameOption:
              headers.frameOptions === 'deny'
                ? HeadersFrameOption.DENY
                : HeadersFrameOption.SAMEORIGIN,
            override: true,
          },
        }),
        referrerPolicy: {
          // The option's values are the header's, and so are the enum's.
          referrerPolicy: headers.referrerPolicy as HeadersReferrerPolicy,
          override: true,
        },
        strictTransportSecurity,
      },
      customHeadersBehavior: {
        customHeaders: [
          ...customHeaders({
            // Objects are stored as cacheable for ever, which is true of their key and keeps them at
            // the edge; the page's address leads to another key after the next release, so
            // a browser has to ask. The answer is mostly a 304 from the edge.
            'Cache-Control': 'public, max-age=0, must-revalidate',
            ...(headers.permissionsPolicy && { 'Permissions-Policy': headers.permissionsPolicy }),
          }),
          ...everywhere,
        ],
      },
    });

    // AWS's own security headers do for hashed files, unless they would say otherwise than the pages.
    const isOwn = everywhere.length > 0 || days !== 365 || includeSubdomains;
    this.pool =
      config.immutable.length === 0 || !isOwn
        ? ResponseHeadersPolicy.SECURITY_HEADERS
        : new ResponseHeadersPolicy(this, 'Pool', {
            comment: `${config.name}: hashed files`,
            securityHeadersBehavior: { contentTypeOptions, strictTransportSecurity },
            ...(everywhere.length > 0 && { customHeadersBehavior: { customHeaders: everywhere } }),
          });
  }
}

const customHeaders = (headers: Readonly<Record<string, string>>) =>
  Object.entries(headers).map(([header, value]) => ({ header, value, override: true }));
