import { CfnOutput, CfnRule, Fn, Stack, Token } from 'aws-cdk-lib';
import {
  Certificate,
  CertificateValidation,
  type ICertificate,
} from 'aws-cdk-lib/aws-certificatemanager';
import {
  type BehaviorOptions,
  type Distribution,
  type DistributionProps,
  Function as EdgeFunction,
  FunctionCode,
  FunctionEventType,
  FunctionRuntime,
  SecurityPolicyProtocol,
} from 'aws-cdk-lib/aws-cloudfront';
import {
  AaaaRecord,
  ARecord,
  HostedZone,
  type IHostedZone,
  RecordTarget,
} from 'aws-cdk-lib/aws-route53';
import { CloudFrontTarget } from 'aws-cdk-lib/aws-route53-targets';
import { Construct } from 'constructs';
import type { ResolvedConfig } from '../config.ts';
import { poolCode } from './edge/code.ts';

export interface DomainProps {
  readonly config: ResolvedConfig;
  readonly domain: NonNullable<ResolvedConfig['domain']>;
}

/** The one Region that CloudFront takes certificates from. */
const CERTIFICATE_REGION = 'us-east-1';

/**
 * The site's own names: the certificate, what distribution and pool have to know of them, and the records that lead to
 * the distribution, or the outputs that say which records to make.
 */
export class Domain extends Construct {
  /** For the distribution. */
  readonly names: Pick<DistributionProps, 'domainNames' | 'certificate' | 'minimumProtocolVersion'>;
  /**
   * For the pool, which has no router that would lead visitors to the right name. Not for the error page: whether
   * CloudFront runs a function when it fetches that is documented nowhere.
   */
  readonly pool: Pick<BehaviorOptions, 'functionAssociations'>;
  readonly #all: readonly string[];
  readonly #zone: IHostedZone | undefined;

  constructor(scope: Construct, id: string, { config, domain }: DomainProps) {
    super(scope, id);
    this.#all = [domain.name, ...domain.aliases];
    let certificate: ICertificate;
    if ('hostedZoneId' in domain) {
      assertRegion(this, this.#all);
      this.#zone = HostedZone.fromHostedZoneId(this, 'Zone', domain.hostedZoneId);
      certificate = new Certificate(this, 'Certificate', {
        domainName: domain.name,
        subjectAlternativeNames: [...domain.aliases],
        validation: CertificateValidation.fromDns(this.#zone),
      });
    } else {
      certificate = Certificate.fromCertificateArn(this, 'Certificate', domain.certificateArn);
    }
    this.names = {
      domainNames: [...this.#all],
      certificate,
      // The newest that TLS 1.2 may still use. TLSv1.3_2025 shuts out whoever has no TLS 1.3, such as browsers of
      // before 2019 and many a crawler.
      minimumProtocolVersion: SecurityPolicyProtocol.TLS_V1_2_2025,
    };
    this.pool = config.immutable.length > 0 ? this.#redirectingPool(config, domain.name) : {};
  }

  /** Makes the records of every name, or the outputs that tell a person which ones to make. */
  leadTo(distribution: Distribution): void {
    const { distributionDomainName } = distribution;
    const output = (name: string, description: string, value: string) =>
      new CfnOutput(this, name, { description, value }).overrideLogicalId(name);

    output(
      'DistributionDomainName',
      "CloudFront's own name of the site, which answers whatever DNS says",
      distributionDomainName,
    );
    for (const [index, name] of this.#all.entries()) {
      if (this.#zone) {
        const records = new Construct(this, name);
        // The dot makes it a whole name, so that the zone's own need not be known.
        const record = {
          zone: this.#zone,
          recordName: `${name}.`,
          target: RecordTarget.fromAlias(new CloudFrontTarget(distribution)),
        };
        new ARecord(records, 'A', record);
        new AaaaRecord(records, 'Aaaa', record);
      } else {
        output(
          `DnsRecord${index + 1}`,
          'A record to create; at the top of a zone, where no CNAME may be, ALIAS, ANAME or a flattened CNAME',
          `${name} CNAME ${distributionDomainName}`,
        );
      }
    }
  }

  #redirectingPool(config: ResolvedConfig, name: string): Domain['pool'] {
    const poolRequest = new EdgeFunction(this, 'PoolRequest', {
      comment: `${config.name}: leads every other name to ${name}`,
      code: FunctionCode.fromInline(poolCode(config)),
      runtime: FunctionRuntime.JS_2_0,
    });
    return {
      functionAssociations: [
        { function: poolRequest, eventType: FunctionEventType.VIEWER_REQUEST },
      ],
    };
  }
}

/**
 * A stack makes a certificate in its own Region. Told here where that is known, and else by CloudFormation before it
 * creates anything.
 */
function assertRegion(scope: Construct, [name = '', ...aliases]: readonly string[]): void {
  const { region } = Stack.of(scope);
  const why = `CloudFront takes certificates from ${CERTIFICATE_REGION} only, and a stack makes them in its own Region`;
  const more = aliases.length > 0 ? ` --subject-alternative-names ${aliases.join(' ')}` : '';
  const remedy = `Deploy the stack in ${CERTIFICATE_REGION}, or give certificateArn in place of hostedZoneId, of a certificate that you make: aws acm request-certificate --region ${CERTIFICATE_REGION} --validation-method DNS --domain-name ${name}${more} (docs/domain.md has the steps)`;
  if (Token.isUnresolved(region)) {
    new CfnRule(scope, 'Region', {
      assertions: [
        {
          assert: Fn.conditionEquals(region, CERTIFICATE_REGION),
          assertDescription: `domain.hostedZoneId: ${why}. ${remedy}`,
        },
      ],
    });
  } else if (region !== CERTIFICATE_REGION) {
    throw new Error(
      `site.config.ts:\n  - domain.hostedZoneId: got a stack in ${region}; ${why}. ${remedy}`,
    );
  }
}
