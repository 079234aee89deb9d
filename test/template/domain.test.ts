import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { resolveConfig } from '../../lib/config.ts';
import { poolCode, routerCode } from '../../lib/hosting/edge/code.ts';
import { SiteStack } from '../../lib/site-stack.ts';
import {
  aConfig,
  aStack,
  aTemplate,
  CERTIFICATE_DOMAIN,
  cdkJson,
  text,
  withoutHash,
  ZONE_DOMAIN,
} from '../support/synth.ts';

const IMMUTABLE = ['assets/*'];
const inZone = () => aTemplate({ immutable: IMMUTABLE, domain: ZONE_DOMAIN });
const withCertificate = () => aTemplate({ immutable: IMMUTABLE, domain: CERTIFICATE_DOMAIN });
const BOTH = [
  ['in a hosted zone', inZone],
  ['with a certificate', withCertificate],
] as const;

const properties = (type: string, of: Template): any[] =>
  Object.values(of.findResources(type)).map(({ Properties }) => Properties);
const distribution = (of: Template) =>
  properties('AWS::CloudFront::Distribution', of)[0].DistributionConfig;
const outputs = (of: Template) =>
  Object.fromEntries(
    Object.entries(of.toJSON().Outputs as Record<string, { Value: unknown }>).map(
      ([name, { Value }]) => [name, withoutHash(text(Value))],
    ),
  );

describe.each(BOTH)('a site of its own names %s', (_, of) => {
  test('is what CloudFront serves under all of them, with the newest policy that still has TLS 1.2', () => {
    expect(distribution(of())).toMatchObject({
      Aliases: ['www.example.com', 'example.com'],
      ViewerCertificate: { MinimumProtocolVersion: 'TLSv1.2_2025', SslSupportMethod: 'sni-only' },
    });
  });

  test('has a function that leads to the right name wherever a visitor gets a file', () => {
    const { DefaultCacheBehavior, CacheBehaviors } = distribution(of());
    const codes = new Map(
      Object.entries(of().findResources('AWS::CloudFront::Function')).map(
        ([id, { Properties }]) => [id, Properties.FunctionCode],
      ),
    );
    const codeAt = (behavior: any) =>
      behavior.FunctionAssociations?.map(({ EventType, FunctionARN }: any) => [
        EventType,
        codes.get(FunctionARN['Fn::GetAtt'][0]),
      ]);
    const config = resolveConfig(aConfig({ domain: ZONE_DOMAIN }));
    expect(codeAt(DefaultCacheBehavior)).toEqual([['viewer-request', routerCode(config)]]);
    const [errorPage, pool] = CacheBehaviors;
    expect(codeAt(pool)).toEqual([['viewer-request', poolCode(config)]]);
    // CloudFront itself asks for it.
    expect(errorPage.PathPattern).toBe('/_site/404.html');
    expect(codeAt(errorPage)).toBeUndefined();
  });

  test('has one function where there is no pool', () => {
    aTemplate({ domain: ZONE_DOMAIN }).resourceCountIs('AWS::CloudFront::Function', 1);
  });

  test('is watched under the name that visitors use, at the distribution itself: DNS may not be there yet', () => {
    const [id] = Object.keys(of().findResources('AWS::CloudFront::Distribution'));
    const variables = Object.entries(of().findResources('AWS::Lambda::Function')).find(([name]) =>
      name.startsWith('Promote'),
    )?.[1].Properties.Environment.Variables;
    expect(variables.SITE_URL).toBe('https://www.example.com');
    expect(text(variables.SITE_SERVER)).toBe(`{${id}.DomainName}`);
  });

  test('tells its canonical address, and the one that answers whatever DNS says', () => {
    expect(outputs(of())).toMatchObject({
      SiteUrl: 'https://www.example.com',
      DistributionDomainName: '{HostingDeliveryDistribution.DomainName}',
    });
  });
});

describe('in a hosted zone', () => {
  test('the certificate has every name, and its validation is written into the zone', () => {
    const [certificate, ...more] = properties('AWS::CertificateManager::Certificate', inZone());
    expect(more).toEqual([]);
    const HostedZoneId = ZONE_DOMAIN.hostedZoneId;
    expect(certificate).toMatchObject({
      DomainName: 'www.example.com',
      SubjectAlternativeNames: ['example.com'],
      ValidationMethod: 'DNS',
      DomainValidationOptions: [
        { DomainName: 'www.example.com', HostedZoneId },
        { DomainName: 'example.com', HostedZoneId },
      ],
    });
    const [id] = Object.keys(inZone().findResources('AWS::CertificateManager::Certificate'));
    expect(distribution(inZone()).ViewerCertificate.AcmCertificateArn).toEqual({ Ref: id });
  });

  test('every name has an A and an AAAA record that leads to the distribution', () => {
    const [id] = Object.keys(inZone().findResources('AWS::CloudFront::Distribution'));
    const records = properties('AWS::Route53::RecordSet', inZone());
    expect(records.map(({ Name, Type }) => `${Name} ${Type}`).sort()).toEqual([
      'example.com. A',
      'example.com. AAAA',
      'www.example.com. A',
      'www.example.com. AAAA',
    ]);
    for (const { AliasTarget, HostedZoneId } of records) {
      expect(HostedZoneId).toBe(ZONE_DOMAIN.hostedZoneId);
      expect(AliasTarget.DNSName).toEqual({ 'Fn::GetAtt': [id, 'DomainName'] });
    }
    expect(Object.keys(outputs(inZone())).filter((name) => name.startsWith('Dns'))).toEqual([]);
  });

  test('a record belongs to its name: another order or a further name replaces none', () => {
    const ids = (aliases: string[]) =>
      Object.entries(
        aTemplate({ domain: { ...ZONE_DOMAIN, aliases } }).findResources('AWS::Route53::RecordSet'),
      ).map(([id, { Properties }]) => `${Properties.Name} ${Properties.Type} ${id}`);
    expect(ids(['old.example.com', 'example.com'])).toEqual(
      expect.arrayContaining(ids(['example.com'])),
    );
  });

  test('a stack elsewhere than in us-east-1 is refused, with both ways out', () => {
    expect(() => aStack({ domain: ZONE_DOMAIN }, 'eu-west-1')).toThrow(
      new Error(
        [
          'site.config.ts:',
          '  - domain.hostedZoneId: got a stack in eu-west-1; CloudFront takes certificates from us-east-1 only, and a stack makes them in its own Region. Deploy the stack in us-east-1, or give certificateArn in place of hostedZoneId, of a certificate that you make: aws acm request-certificate --region us-east-1 --validation-method DNS --domain-name www.example.com --subject-alternative-names example.com (docs/domain.md has the steps)',
        ].join('\n'),
      ),
    );
  });

  test('a stack for any Region leaves that to CloudFormation, which creates nothing elsewhere', () => {
    const app = new App({ context: { ...cdkJson.context, 'aws:cdk:bundling-stacks': [] } });
    const config = resolveConfig(aConfig({ domain: ZONE_DOMAIN }));
    const { Rules } = Template.fromStack(new SiteStack(app, 'any', { config })).toJSON();
    expect(Rules).toEqual({
      CheckBootstrapVersion: expect.anything(),
      [Object.keys(Rules).find((id) => id.startsWith('HostingDomain')) ?? '']: {
        Assertions: [
          {
            Assert: { 'Fn::Equals': [{ Ref: 'AWS::Region' }, 'us-east-1'] },
            AssertDescription: expect.stringMatching(
              /^domain\.hostedZoneId: CloudFront takes certificates from us-east-1 only, .*Deploy the stack in us-east-1, or give certificateArn/,
            ),
          },
        ],
      },
    });
    // Where it is known, there is nothing to ask.
    expect(Object.keys(inZone().toJSON().Rules)).toEqual(['CheckBootstrapVersion']);
  });
});

describe('with a certificate', () => {
  test('it is the one that was given, and no resource is about DNS', () => {
    expect(distribution(withCertificate()).ViewerCertificate.AcmCertificateArn).toBe(
      CERTIFICATE_DOMAIN.certificateArn,
    );
    withCertificate().resourceCountIs('AWS::CertificateManager::Certificate', 0);
    withCertificate().resourceCountIs('AWS::Route53::RecordSet', 0);
  });

  test('the outputs are the records to make, one for each name', () => {
    expect(outputs(withCertificate())).toMatchObject({
      DnsRecord1: 'www.example.com CNAME {HostingDeliveryDistribution.DomainName}',
      DnsRecord2: 'example.com CNAME {HostingDeliveryDistribution.DomainName}',
    });
  });

  test('the stack may be in any Region', () => {
    expect(() => aStack({ domain: CERTIFICATE_DOMAIN }, 'eu-west-1')).not.toThrow();
  });
});
