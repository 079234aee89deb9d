import * as v from 'valibot';
import { options, text } from './checks.ts';

/**
 * The site's own names. Which of the two it is, is told by `hostedZoneId` or `certificateArn`: exactly one of them.
 *
 * Every other name, `www` or not, and the distribution's own (`d111111abcdef8.cloudfront.net`) answer with one
 * permanent redirect to `name`, path and query kept.
 */
export type DomainConfig = ZoneDomain | CertificateDomain;

interface Names {
  /** The name that visitors end up at, such as `www.example.com`: lower case, without `https://`. */
  readonly name: string;
  /**
   * Further names that lead to `name`, such as `example.com`. None is added by itself: name what visitors may type.
   *
   * @default []
   */
  readonly aliases?: readonly string[];
}

/**
 * DNS in Route 53: the stack makes the certificate, and an A and an AAAA record for every name. It has to be in us-east-1,
 * where CloudFront takes certificates from; elsewhere it is refused.
 */
export interface ZoneDomain extends Names {
  /**
   * The public hosted zone that all names are in, in the same account.
   *
   * The world's DNS has to ask this zone already, or the certificate is never validated and the deployment waits for it
   * for hours: docs/domain.md has the command that tells.
   */
  readonly hostedZoneId: string;
}

/** DNS elsewhere, or a stack in another Region: the stack's outputs are the records to create. */
export interface CertificateDomain extends Names {
  /** A certificate of AWS Certificate Manager for all names: in us-east-1, in the same account, and issued. */
  readonly certificateArn: string;
}

/** CloudFront's quota: alternate domain names of one distribution. */
const MOST_NAMES = 100;
/** ACM's quota for a certificate, unless somebody has asked for more. */
const MOST_NAMES_OF_A_CERTIFICATE = 10;
/** A certificate that is named after more has no common name, and ACM refuses to make it (RequestCertificate). */
const LONGEST_CERTIFICATE_NAME = 64;

// RFC 1035, less `*` and a dot at the end. A last label with a letter is no IP address.
const hostName = text(
  /^(?=.{1,253}$)(?:(?!-)[a-z0-9-]{1,63}(?<!-)\.)+(?=[a-z0-9-]*[a-z])(?!-)[a-z0-9-]{2,63}(?<!-)$/,
  "use a host name in lower case, such as 'www.example.com', with other letters in their xn-- form",
);
const ofSite = v.pipe(
  hostName,
  v.check(
    (name) => !name.endsWith('.cloudfront.net'),
    'use a name of your own: the names of cloudfront.net are given by CloudFront',
  ),
);

const EITHER =
  "give either hostedZoneId (the stack makes certificate and records) or certificateArn (the records are the stack's outputs)";

export const domain = v.pipe(
  options({
    name: ofSite,
    aliases: v.optional(
      v.pipe(
        v.array(ofSite, "use a list of host names, such as ['example.com']"),
        v.maxLength(MOST_NAMES - 1, `use at most ${MOST_NAMES - 1}, as many as CloudFront takes`),
        v.readonly(),
      ),
      [],
    ),
    hostedZoneId: v.optional(
      text(
        /^Z[A-Z0-9]{1,31}$/,
        "use the id of a public hosted zone, such as 'Z0123456789ABCDEFGHIJ', without /hostedzone/",
      ),
    ),
    certificateArn: v.optional(
      text(
        /^arn:aws:acm:us-east-1:\d{12}:certificate\/[0-9a-f-]+$/,
        'use the ARN of an issued certificate in us-east-1, the one Region that CloudFront takes them from: arn:aws:acm:us-east-1:ACCOUNT:certificate/ID',
      ),
    ),
  }),
  v.partialCheck(
    [['hostedZoneId'], ['certificateArn']],
    ({ hostedZoneId, certificateArn }) =>
      (hostedZoneId === undefined) !== (certificateArn === undefined),
    EITHER,
  ),
  v.partialCheck(
    [['name'], ['aliases']],
    ({ name, aliases }) => new Set([name, ...aliases]).size === aliases.length + 1,
    'name every name once, in name or in aliases',
  ),
  v.partialCheck(
    [['name'], ['aliases'], ['hostedZoneId']],
    ({ aliases, hostedZoneId }) =>
      hostedZoneId === undefined || aliases.length < MOST_NAMES_OF_A_CERTIFICATE,
    `use at most ${MOST_NAMES_OF_A_CERTIFICATE} names together, as many as ACM puts into a certificate by default, or make a certificate with more and give certificateArn`,
  ),
  v.partialCheck(
    [['name'], ['hostedZoneId']],
    ({ name, hostedZoneId }) =>
      hostedZoneId === undefined || name.length <= LONGEST_CERTIFICATE_NAME,
    `use a name of up to ${LONGEST_CERTIFICATE_NAME} characters, as long as ACM names a certificate, or give certificateArn`,
  ),
  v.partialCheck(
    [['name'], ['aliases'], ['hostedZoneId']],
    ({ name, aliases, hostedZoneId }) =>
      hostedZoneId === undefined || haveOneZone([name, ...aliases]),
    'use names that one hosted zone can hold, such as www.example.com and example.com, or give certificateArn',
  ),
  v.transform(({ hostedZoneId, certificateArn, ...names }) =>
    hostedZoneId === undefined
      ? { ...names, certificateArn: String(certificateArn) }
      : { ...names, hostedZoneId },
  ),
);

/** Whether they end in the same two labels at least. That a zone has that name, only Route 53 knows. */
function haveOneZone(names: readonly string[]): boolean {
  return new Set(names.map((name) => name.split('.').slice(-2).join('.'))).size === 1;
}
