import { expect, test } from 'vitest';
import { matchesPattern } from '../../lib/release/contract.ts';
import { grantsOf } from '../support/grants.ts';
import { aTemplate, CERTIFICATE_DOMAIN } from '../support/synth.ts';

type Json = Readonly<Record<string, any>>;
type Template = ReturnType<typeof aTemplate>;

const resourcesOf = (template: Template): Json => template.toJSON().Resources;

const off = () => aTemplate({});
const on = () => aTemplate({ fingerprint: true });

const uploadOf = (template: Template) =>
  Object.entries(resourcesOf(template)).find(
    ([id, { Type }]) => Type === 'AWS::Lambda::Function' && /^Upload/.test(id),
  )?.[1].Properties.Environment.Variables;

const behaviorsOf = (template: Template): Json[] =>
  Object.values(template.findResources('AWS::CloudFront::Distribution'))[0]?.Properties
    .DistributionConfig.CacheBehaviors;

test('off by default: no trace of it in the template', () => {
  expect(JSON.stringify(off().toJSON())).not.toMatch(/FINGERPRINT|pinned/);
  expect(resourcesOf(aTemplate({ fingerprint: false }))).toEqual(resourcesOf(off()));
});

test('adds no resource, and changes the distribution and those who write and delete the copies', () => {
  const [before, after] = [resourcesOf(off()), resourcesOf(on())];
  expect(Object.keys(after)).toEqual(Object.keys(before));
  expect(
    Object.keys(after)
      .filter((id) => JSON.stringify(after[id]) !== JSON.stringify(before[id]))
      .map((id) => after[id].Type)
      .sort(),
  ).toEqual([
    'AWS::CloudFront::Distribution',
    'AWS::IAM::Policy',
    'AWS::IAM::Policy',
    'AWS::Lambda::Function',
    'AWS::Lambda::Function',
  ]);
});

test('copies in any folder are served as files of the pool, without the router; nothing of the hosting is', () => {
  const pool = behaviorsOf(aTemplate({ immutable: ['assets/*'], fingerprint: true }));
  const [, hashed, copies] = pool;
  expect(pool).toHaveLength(3);
  expect(copies).toEqual({ ...hashed, PathPattern: '/*.pinned-*' });
  expect(copies?.FunctionAssociations).toBeUndefined();
  for (const path of ['a.pinned-0123456789ab.css', 'x/y z/a.pinned-0123456789ab.css']) {
    expect(matchesPattern('*.pinned-*', path)).toBe(true);
  }
  for (const path of ['_site/404.html', '_site/releases/20261123T061500Z-1a2b3c4.json', 'a.css']) {
    expect(matchesPattern('*.pinned-*', path)).toBe(false);
  }
});

test('Upload may write and read copies, Prune may delete them, and nobody else reaches them', () => {
  const lines = [...grantsOf(on())].flatMap(([role, grants]) =>
    grants.filter((line) => line.includes('pinned')).map((line) => `${role} ${line}`),
  );
  expect(lines.sort()).toEqual([
    'PruneDailyRole s3:DeleteObject on {HostingContentBucket.Arn}/*.pinned-*',
    'UploadJobRole s3:GetObject on {HostingContentBucket.Arn}/*.pinned-*',
    'UploadJobRole s3:PutObject on {HostingContentBucket.Arn}/*.pinned-*',
  ]);
});

test('Upload is told whether the policy of the pages names hashes, and the names of the site', () => {
  const settings = (policy: string) =>
    JSON.parse(
      uploadOf(aTemplate({ fingerprint: true, headers: { contentSecurityPolicy: policy } }))
        .FINGERPRINT,
    );
  expect(settings("default-src 'self'")).toEqual({ policyHashes: false, hosts: [] });
  expect(settings("style-src 'self' 'sha256-abc='")).toEqual({ policyHashes: true, hosts: [] });
  const named = aTemplate({ fingerprint: true, domain: CERTIFICATE_DOMAIN });
  const { name, aliases = [] } = CERTIFICATE_DOMAIN;
  expect(JSON.parse(uploadOf(named).FINGERPRINT).hosts).toEqual([name, ...aliases]);
});

test("'serve' serves and sweeps the copies there are, and makes no more", () => {
  const serve = aTemplate({ fingerprint: 'serve' });
  expect(behaviorsOf(serve)).toEqual(behaviorsOf(on()));
  expect(uploadOf(serve).FINGERPRINT).toBeUndefined();
  expect(uploadOf(serve).IMMUTABLE_PATTERNS).toBe('["*.pinned-*"]');
});
