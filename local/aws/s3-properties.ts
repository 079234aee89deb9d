/** What the local S3 honours of an `AWS::S3::Bucket`. */
export interface BucketSettings {
  readonly expirations: readonly Expiration[];
}

export interface Expiration {
  /** Keys that begin with it; empty for all. */
  readonly prefix: string;
  readonly days: number;
}

/**
 * Reads the properties it honours, at once, and no others. Throws an error that names every value
 * among them that the local S3 cannot stand in for.
 */
export function settingsOf(logicalId: string, properties: unknown): BucketSettings {
  const problems: string[] = [];
  const expect = (path: string, value: unknown, allowed: readonly unknown[], known: string) => {
    if (!allowed.includes(value)) {
      problems.push(`${path}: got ${JSON.stringify(value)}; the local S3 knows ${known}`);
    }
  };
  const bucket = (properties ?? {}) as Properties;

  each(bucket.BucketEncryption?.ServerSideEncryptionConfiguration, (rule, index) => {
    expect(
      `BucketEncryption.ServerSideEncryptionConfiguration[${index}].ServerSideEncryptionByDefault.SSEAlgorithm`,
      rule.ServerSideEncryptionByDefault?.SSEAlgorithm,
      ['AES256'],
      '"AES256"',
    );
  });

  const access = bucket.PublicAccessBlockConfiguration;
  // Left out it means the same: S3 blocks all public access to new buckets since April 2023.
  if (access !== undefined) {
    for (const name of PUBLIC_ACCESS) {
      expect(
        `PublicAccessBlockConfiguration.${name}`,
        access[name],
        [true, 'true'],
        'private buckets only: use true',
      );
    }
  }

  each(bucket.OwnershipControls?.Rules, (rule, index) => {
    expect(
      `OwnershipControls.Rules[${index}].ObjectOwnership`,
      rule.ObjectOwnership,
      ['BucketOwnerEnforced'],
      '"BucketOwnerEnforced": no object has an access control list',
    );
  });

  expect(
    'VersioningConfiguration.Status',
    bucket.VersioningConfiguration?.Status,
    [undefined, 'Suspended'],
    'buckets that were never versioned',
  );

  const expirations: Expiration[] = [];
  each(bucket.LifecycleConfiguration?.Rules, (rule, index) => {
    const path = `LifecycleConfiguration.Rules[${index}]`;
    const { Status, Prefix, ExpirationInDays, AbortIncompleteMultipartUpload } = rule;
    expect(`${path}.Status`, Status, ['Enabled', 'Disabled'], '"Enabled" and "Disabled"');
    // Nothing to do: the local S3 has no multipart uploads. Read, because that is honouring it.
    void AbortIncompleteMultipartUpload?.DaysAfterInitiation;
    if (ExpirationInDays === undefined) {
      if (AbortIncompleteMultipartUpload === undefined) {
        problems.push(
          `${path}: has no ExpirationInDays; the local S3 knows ExpirationInDays and AbortIncompleteMultipartUpload`,
        );
      }
      return;
    }
    const days = Number(ExpirationInDays);
    if (!Number.isInteger(days) || days < 1) {
      problems.push(
        `${path}.ExpirationInDays: got ${JSON.stringify(ExpirationInDays)}; use a whole number of at least 1`,
      );
    }
    if (Status === 'Enabled') expirations.push({ prefix: Prefix ?? '', days });
  });

  if (problems.length > 0) {
    throw new Error(
      problems.map((problem) => `${logicalId} (AWS::S3::Bucket): ${problem}`).join('\n'),
    );
  }
  return { expirations };
}

const PUBLIC_ACCESS = [
  'BlockPublicAcls',
  'BlockPublicPolicy',
  'IgnorePublicAcls',
  'RestrictPublicBuckets',
] as const;

/** By index, because the properties may be proxies that only know how to be read. */
function each<T>(list: readonly T[] | undefined, visit: (entry: T, index: number) => void): void {
  for (let index = 0; index < (list?.length ?? 0); index++) visit(list?.[index] as T, index);
}

/** As CloudFormation spells them; values unchecked. */
interface Properties {
  BucketEncryption?: {
    ServerSideEncryptionConfiguration?: {
      ServerSideEncryptionByDefault?: { SSEAlgorithm?: unknown };
    }[];
  };
  PublicAccessBlockConfiguration?: Partial<Record<(typeof PUBLIC_ACCESS)[number], unknown>>;
  OwnershipControls?: { Rules?: { ObjectOwnership?: unknown }[] };
  VersioningConfiguration?: { Status?: unknown };
  LifecycleConfiguration?: {
    Rules?: {
      Status?: unknown;
      Prefix?: string;
      ExpirationInDays?: unknown;
      AbortIncompleteMultipartUpload?: { DaysAfterInitiation?: unknown };
    }[];
  };
}
