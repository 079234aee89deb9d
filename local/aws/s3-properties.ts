/** What the local S3 honours of an `AWS::S3::Bucket`. */
export interface BucketSettings {
  readonly expirations: readonly Expiration[];
  /** Overwriting an object keeps the one before it as a version. */
  readonly versioned: boolean;
  /** For how many days a version that is not the newest stays; `undefined` for ever. */
  readonly noncurrentDays: number | undefined;
  /** Every new object is told to EventBridge. */
  readonly events: boolean;
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

  const versioning = bucket.VersioningConfiguration?.Status;
  expect(
    'VersioningConfiguration.Status',
    versioning,
    [undefined, 'Suspended', 'Enabled'],
    '"Enabled", and "Suspended" for buckets that were never versioned',
  );
  const versioned = versioning === 'Enabled';

  const events = bucket.NotificationConfiguration?.EventBridgeConfiguration?.EventBridgeEnabled;
  expect(
    'NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled',
    events,
    [undefined, true, 'true', false, 'false'],
    'true and false',
  );

  let noncurrentDays: number | undefined;
  const expirations: Expiration[] = [];
  each(bucket.LifecycleConfiguration?.Rules, (rule, index) => {
    const path = `LifecycleConfiguration.Rules[${index}]`;
    const { Status, Prefix, ExpirationInDays, AbortIncompleteMultipartUpload } = rule;
    const NoncurrentDays = rule.NoncurrentVersionExpiration?.NoncurrentDays;
    expect(`${path}.Status`, Status, ['Enabled', 'Disabled'], '"Enabled" and "Disabled"');
    // Nothing to do: the local S3 has no multipart uploads. Read, because that is honouring it.
    void AbortIncompleteMultipartUpload?.DaysAfterInitiation;
    if (
      ExpirationInDays === undefined &&
      NoncurrentDays === undefined &&
      AbortIncompleteMultipartUpload === undefined
    ) {
      problems.push(
        `${path}: has no ExpirationInDays; the local S3 knows ExpirationInDays, NoncurrentVersionExpiration and AbortIncompleteMultipartUpload`,
      );
    }
    const daysOf = (name: string, value: unknown): number => {
      const days = Number(value);
      if (!Number.isInteger(days) || days < 1) {
        problems.push(
          `${path}.${name}: got ${JSON.stringify(value)}; use a whole number of at least 1`,
        );
      }
      return days;
    };
    if (ExpirationInDays !== undefined) {
      const days = daysOf('ExpirationInDays', ExpirationInDays);
      if (versioned) {
        problems.push(
          `${path}.ExpirationInDays: got ${JSON.stringify(ExpirationInDays)}; the local S3 knows no delete markers, which this makes in a versioned bucket`,
        );
      }
      if (Status === 'Enabled') expirations.push({ prefix: Prefix ?? '', days });
    }
    if (NoncurrentDays !== undefined) {
      const days = daysOf('NoncurrentVersionExpiration.NoncurrentDays', NoncurrentDays);
      expect(`${path}.Prefix`, Prefix, [undefined, ''], 'rules for old versions of all objects');
      if (Status === 'Enabled') noncurrentDays = Math.min(noncurrentDays ?? days, days);
    }
  });

  if (problems.length > 0) {
    throw new Error(
      problems.map((problem) => `${logicalId} (AWS::S3::Bucket): ${problem}`).join('\n'),
    );
  }
  return {
    expirations,
    versioned,
    noncurrentDays,
    events: events === true || events === 'true',
  };
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
  NotificationConfiguration?: { EventBridgeConfiguration?: { EventBridgeEnabled?: unknown } };
  LifecycleConfiguration?: {
    Rules?: {
      Status?: unknown;
      Prefix?: string;
      ExpirationInDays?: unknown;
      NoncurrentVersionExpiration?: { NoncurrentDays?: unknown };
      AbortIncompleteMultipartUpload?: { DaysAfterInitiation?: unknown };
    }[];
  };
}
